//! The program on a PostgreSQL database: made there, served from there, exported from there.

use crate::support::{Place, SECRET};
use tests_postgres::Server;

#[test]
fn whole_life_of_a_verifier_whose_log_is_elsewhere() {
    let Some(server) = Server::start() else {
        return;
    };
    let place = Place::on(&["--database", &server.url()]);
    let running = place.serve();
    place.furnish(&running.url);

    let (secret, log_index) = place.guest(&running.url).fetch(&place.pins);

    assert_eq!((secret.as_slice(), log_index), (SECRET, 8));
    assert!(!std::fs::exists(place.path("data/store.sqlite")).unwrap());
    let report = place.audit("bundle");
    assert_eq!(report.verdict, attestation_audit::Conclusion::Agrees);
    assert_eq!(running.signal("TERM"), Some(0));
}
