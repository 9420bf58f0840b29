"""The port to Alipay's Open Platform, over python-alipay-sdk; nothing else in the project imports the SDK."""
