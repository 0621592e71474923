"""Certificates for tests, made by openssl: an authority of our own, and what it issues."""

import pathlib
import subprocess
import tempfile

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Identity:
    """A certificate and its key, as PEM files."""

    def __init__(self, folder, name):
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"


class Authority:
    def __init__(self, name="test authority"):
        self._folder = tempfile.TemporaryDirectory(prefix="busbar-test-ca-")
        self.folder = pathlib.Path(self._folder.name)
        self.own = Identity(self.folder, "authority")
        self.count = 0
        openssl("req", "-x509", *KEY, "-keyout", self.own.key, "-out", self.own.certificate, "-days", 30, "-subj",
                f"/CN={name}")

    @property
    def certificate(self):
        return self.own.certificate

    def issue(self, name="localhost", alternatives="DNS:localhost,IP:127.0.0.1", days=10):
        """A certificate for `name`; one that has expired where `days` is negative."""
        self.count += 1
        made = Identity(self.folder, f"{self.count}")
        request, extensions = self.folder / "request", self.folder / "extensions"
        openssl("req", *KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        extensions.write_text(f"subjectAltName={alternatives}\n" if alternatives else "basicConstraints=CA:FALSE\n")
        times = ["-days", days]
        if days < 0:  # `x509 -days` does not go back; `ca` takes dates
            return self._issue_expired(made, request)
        openssl("x509", "-req", "-in", request, "-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial",
                "-extfile", extensions, *times, "-out", made.certificate)
        return made

    def _issue_expired(self, made, request):
        settings = self.folder / "ca.cnf"
        (self.folder / "index").write_text("")
        (self.folder / "serial").write_text("1000\n")
        settings.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nserial={self.folder}/serial\n"
                            f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                            "[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", settings, "-in", request, "-cert", self.own.certificate, "-keyfile",
                self.own.key, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-out", made.certificate,
                "-notext")
        return made
