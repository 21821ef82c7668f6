"""Business systems that records go to: one file each, behind the protocols of `services/crm_gateway/model.py`."""
