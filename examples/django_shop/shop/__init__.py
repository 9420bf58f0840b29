"""A small shop in Django, before and after it gave its orders to checkout; docs/from-django.md tells how."""
