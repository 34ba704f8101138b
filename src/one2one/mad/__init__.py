"""The drivers that oned starts: protocols, processes and scripts."""
