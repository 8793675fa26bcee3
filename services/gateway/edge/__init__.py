"""The edge: the HTTP that JSON transcoding can not speak.

Forms and uploads become typed calls, a run's events become server-sent events, and a few REST views are put together
from several services. It owns no data, and asks as the user wherever it can.
"""
