"""The advisors' desk: server-rendered pages under /desk. `accounts.py` says who may come in, `pages.py` what they see."""
