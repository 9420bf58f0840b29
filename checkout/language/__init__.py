"""What a person reads at the terminal, in Chinese.

All is written in English where it is said, and looked up where it is shown: each table here has the sentences of one
thing, English to Chinese, with names for what differs. What programs read (JSON, codes, states, addresses) is never
looked up. tests/ops/test_chinese.py walks the code, so that no sentence lacks its Chinese and none here is stale.
"""
