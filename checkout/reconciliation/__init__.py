"""Our books beside Alipay's bill of a day."""
