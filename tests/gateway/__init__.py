"""The local Alipay, driven over real HTTP by python-alipay-sdk as published."""
