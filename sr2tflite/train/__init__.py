"""The one training loop; it receives the module, the batches and the objective, and knows none of them by name."""
