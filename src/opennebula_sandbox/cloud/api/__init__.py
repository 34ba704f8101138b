"""What a simulated oned answers: its XML-RPC calls."""
