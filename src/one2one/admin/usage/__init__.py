"""``one2one usage``: what the hybrid VMs used, by both clouds' accounting."""
