"""Certificates of the test's own, made with openssl: two authorities, servers good and bad, a client."""

import subprocess


def openssl(*arguments, **fields):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60, **fields)


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        for name in "ca", "other_ca":
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 3, "-subj",
                    f"/CN={name}", "-keyout", self.key(name), "-out", self.certificate(name))
        self.sign("server", "DNS:localhost,IP:127.0.0.1")
        self.sign("wrong_name", "DNS:broker.example")
        self.sign("expired", "DNS:localhost,IP:127.0.0.1", start="20200101000000Z", end="20200201000000Z")
        self.sign("client", "DNS:client")

    def certificate(self, name):
        return self.folder / f"{name}.crt"

    def key(self, name):
        return self.folder / f"{name}.key"

    def sign(self, name, alternatives, start=None, end=None):
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                self.key(name), "-out", request)
        extensions.write_text(f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n")
        if start:
            self._sign_between(name, request, extensions, start, end)
        else:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate("ca"), "-CAkey", self.key("ca"), "-days", 2,
                    "-extfile", extensions, "-out", self.certificate(name), "-CAcreateserial")

    def _sign_between(self, name, request, extensions, start, end):
        """Only `openssl ca` sets both dates, and it wants a small data base."""
        config = self.folder / "ca.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                          "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        (self.folder / "index").write_text("")
        openssl("ca", "-batch", "-config", config, "-cert", self.certificate("ca"), "-keyfile", self.key("ca"), "-in",
                request, "-out", self.certificate(name), "-extfile", extensions, "-startdate", start, "-enddate", end,
                "-notext")
