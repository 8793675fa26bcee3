"""The REST surface as an OpenAPI 3.1 document, made of what Envoy's routes are made of.

The descriptor set says what is sent and answered, its comments why and how it fails, the policy tables who may call;
nothing is listed here. `contract` reads the descriptors, `schemas` and `rules` turn messages into JSON Schema as the
transcoder renders them, `refusals` and `operations` describe a call, `document` puts it together, `page` shows it.
"""
