"""Every yuan followed to its end, against a local Alipay over HTTP."""
