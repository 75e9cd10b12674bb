"""Common Crawl as it looks from outside, but on this machine: a bucket, and a site behind TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pipelines.hosts import (
    Host,
    folder_answers,
    forwarded,
    lay_out,
    moto_s3,
    seeded_faults,
    serving,
)

SITE = "data.commoncrawl.org"


@contextmanager
def common_crawl(folder: Path) -> Iterator[tuple[dict[str, str], Host, Host]]:
    """Serve a small crawl under Common Crawl's names, with faults on the way.

    Gives the environment in which these names lead here, the bucket and the site.
    """
    crawl = lay_out(folder / "crawl")
    with (
        moto_s3(crawl) as port,
        serving(forwarded(port), seeded_faults(3, _QUICK)) as bucket,
        serving(folder_answers(crawl), seeded_faults(4, _QUICK)) as site,
    ):
        site.tls, authority = _certified(folder)
        environment = {
            "AWS_ENDPOINT_URL": bucket.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTPS_PROXY": site.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(authority),
            "CUVEE_RETRY_SECONDS": "0.01",
        }
        yield environment, bucket, site


_QUICK = ("403", "429", "503", "drop", "reset")


def _certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what the site shows, and the authority to trust for it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _named("an authority of a test")
    authority = _certificate(name, name, key, key, x509.BasicConstraints(ca=True, path_length=0))
    own = ec.generate_private_key(ec.SECP256R1())
    site = _certificate(_named(SITE), name, own, key, x509.BasicConstraints(False, None))
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    shown = folder / "site.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    shown.write_bytes(
        own.private_bytes(serialization.Encoding.PEM, *form)
        + site.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown)
    return context, folder / "authority.pem"


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    constraints: x509.BasicConstraints,
) -> x509.Certificate:
    now = datetime.now(UTC)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    usage = dict.fromkeys(_USAGES, False) | {
        "digital_signature": True, "key_cert_sign": constraints.ca, "crl_sign": constraints.ca,
    }  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(constraints, critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SITE)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(signer, hashes.SHA256())
    )


_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
