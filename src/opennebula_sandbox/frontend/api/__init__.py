"""What a local oned answers: its XML-RPC calls."""
