"""Recipes, and the run folder in which one is carried out: what was decided, what came of it, and the report."""
