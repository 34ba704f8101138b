"""Being a driver of oned: its protocols, its processes and its scripts."""
