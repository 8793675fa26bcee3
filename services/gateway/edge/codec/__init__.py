"""Wire to domain and back: event frames, REST views, the orders in forms. Pure."""
