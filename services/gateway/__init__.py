"""The door of the mesh: Envoy's configuration, and `edge`, which speaks the HTTP that JSON transcoding can not."""
