"""What a shop may copy: functions of prices (docs/goods.md), and a Django shop (docs/from-django.md)."""
