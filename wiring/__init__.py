"""How the parts of a worker meet: one module for each group of parts, put together by `app.py`. Nothing else imports it."""
