"""From the deploy graph to a file, proved: read back from its bytes and compared tensor by tensor."""
