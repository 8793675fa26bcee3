"""Who is calling: the only room that knows PyJWT.

Users come with a JWT of the identity provider, services with a short-lived token signed by their own Ed25519 key.
`Authenticator` tells them apart by the algorithm that the token states, and each verifier pins its own.
"""

from services.kit.auth.authenticator import Authenticator, TokenVerifier, open_authenticator
from services.kit.auth.keys import KeyRing, make_keys
from services.kit.auth.service_tokens import ServiceTokens, TokenMint
from services.kit.auth.users import UserTokens, sign_user_token

__all__ = [
    "Authenticator",
    "KeyRing",
    "ServiceTokens",
    "TokenMint",
    "TokenVerifier",
    "UserTokens",
    "make_keys",
    "open_authenticator",
    "sign_user_token",
]
