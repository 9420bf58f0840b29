"""The files under deploy/, each before the tool that will read it, and as far as it goes at work."""
