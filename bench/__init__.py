"""What one2one costs, beside the limit (the bare calls) and beside what was done before."""
