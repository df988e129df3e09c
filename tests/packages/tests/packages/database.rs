//! A PostgreSQL database with a password, by the drop-in that the package brings.

use crate::verifier::{Installed, LIVE};

const URL: &str =
    "postgres://verifier@db.example/postgres?sslmode=require&sslrootcert=/etc/cloister/db-ca.pem";
const PASSWORD: &str = "only root and the service read this";

/// The name of the server is looked up, the password read and the server spoken to from within the unit's sandbox.
#[test]
fn password_of_a_database_comes_as_a_credential() {
    let Some(installed) = Installed::new() else {
        return;
    };
    let machine = &installed.machine;
    let found = machine.run("ls -d /usr/lib/postgresql/*/bin");
    let Some(programs) = found.said.lines().last() else {
        return println!("skipped: no PostgreSQL (package postgresql)");
    };
    machine.must("install -d -o postgres /run/database");
    machine.must(&format!(
        "printf '{PASSWORD}' > /run/database/password && chown postgres /run/database/password"
    ));
    let as_postgres = format!("cd /run/database && runuser -u postgres -- {programs}");
    machine.must(&format!(
        "{as_postgres}/initdb --username verifier --auth scram-sha-256 --pwfile password --pgdata /run/database/data"
    ));
    machine.must("echo 127.0.0.1 db.example >> /etc/hosts");
    machine.must(
        "cd /run/database/data && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=db.example \
            -addext subjectAltName=DNS:db.example -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.crt \
        && chown postgres server.key && chmod 600 server.key && cp server.crt /etc/cloister/db-ca.pem",
    );
    machine.must(&format!(
        "{as_postgres}/pg_ctl --pgdata data --log log --wait --options '-k /run/database -c ssl=on' start"
    ));
    machine.must("install -m 600 /run/database/password /etc/cloister/database-password");
    machine.must("install -D -m 644 /usr/share/doc/cloister-verifier/examples/database-password.conf \
        /etc/systemd/system/cloister-verifier.service.d/database-password.conf && systemctl daemon-reload");
    machine.must(&format!(
        "systemd-run --quiet --wait --pipe --uid cloister-verifier --gid cloister-verifier \
        --property LoadCredential=database-password:/etc/cloister/database-password \
        sh -c 'cloister-verifier init --data-dir /var/lib/cloister-verifier/data \
            --database \"{URL}\" --database-password-file \"$CREDENTIALS_DIRECTORY/database-password\"'"
    ));
    // Until the configuration says so too, no other store is served from.
    machine.must("systemctl start cloister-verifier");
    machine.until("journalctl --unit cloister-verifier | grep -q 'store.sqlite is missing'");
    let escaped = URL.replace('&', "\\&");
    machine.must(&format!(
        "sed -i -e 's|^#url = .*|url = \"{escaped}\"|' \
        -e 's|^#password_file = .*|password_file = \"/run/credentials/cloister-verifier.service/database-password\"|' \
        /etc/cloister/verifier.toml"
    ));
    machine.must("systemctl restart cloister-verifier");
    machine.until(LIVE);
    assert!(!machine.is(
        "runuser -u nobody -- cat /run/credentials/cloister-verifier.service/database-password"
    ));
    assert!(!machine.is("journalctl | grep -q 'only root and the service'"));
}
