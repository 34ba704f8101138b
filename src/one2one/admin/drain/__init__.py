"""``one2one drain``: a hybrid host gets no new VMs, and loses those that it has."""
