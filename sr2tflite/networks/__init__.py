"""Students and the blocks they are made of; no block holds fuse code."""
