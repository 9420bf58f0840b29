"""A local Alipay: the Open Platform's v2 gateway, its cashier, its notifies and its bills, for one machine."""
