//! Every operation that the OpenAPI document has, by everybody who may not: refused in the same words whether the thing is there or
//! not, and nothing done. A new operation is tried as soon as it is described; one that needs a body has to have one here.

use std::collections::BTreeSet;

use crate::support::people;
use crate::support::{BORN, DIGEST, Guest, Place, RESOURCE, Verifier, policy};
use attestation_access::{Grant, Rate, Role, TenantRole};
use attestation_judge::test_support::{NOW, reference};
use attestation_service::test_support::openapi::{Described, Description};
use attestation_service::{Answer, DataDir, Limits, Request, bootstrap};

/// Whose things are asked for.
const OWNER: &str = "acme";
/// Who asks for them.
const OTHER: &str = "beta";

/// A tenant that the operator does not serve.
const HALTED: &str = "halted";

/// What anybody may ask; of one tenant's there is nothing in it.
const OPEN: [&str; 10] = [
    "getCheckpoint",
    "getJwks",
    "getOpenApi",
    "getTokenKeys",
    "live",
    "openBoundSession",
    "openBoundSessionOfTenant",
    "openSession",
    "openSessionOfTenant",
    "ready",
];

/// Whether what a path names is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    There,
    Missing,
}

/// Two tenants with the same names for other things, and a bearer token for each role in each.
struct Scene<'a> {
    place: &'a Place,
    verifier: Verifier<'a>,
}

impl<'a> Scene<'a> {
    fn on(place: &'a Place) -> Self {
        let scene = Self {
            place,
            // As often as this asks, no client may.
            verifier: place.serve_within(Limits {
                client: Rate::new(Rate::MOST_PER_SECOND, Rate::MOST_AT_ONCE).unwrap(),
                ..Limits::default()
            }),
        };
        for tenant in [OWNER, OTHER, HALTED] {
            let path = format!("/v1/tenants/{tenant}");
            scene.put(tenant, &path, None);
        }
        scene.put(HALTED, &format!("/v1/tenants/{HALTED}/suspension"), None);
        for tenant in ["default", OWNER, OTHER] {
            scene.furnish(tenant);
        }
        scene
    }

    /// Policy, reference value and secret are registered, or registered anew.
    fn furnish(&self, tenant: &str) {
        let value = serde_json::to_vec(&reference(DIGEST)).unwrap();
        let below = format!("/t/{tenant}/v1");
        let secret = format!("{below}/secrets/{RESOURCE}?references=demo");
        self.put(
            tenant,
            &format!("{below}/policies/demo"),
            Some(policy().as_bytes()),
        );
        self.put(
            tenant,
            &format!("{below}/reference-values/demo"),
            Some(&value),
        );
        self.put(tenant, &secret, Some(tenant.as_bytes()));
    }

    /// Whose things an operation is tried on that is to succeed: a tenant of its own, where it is done to a whole one.
    fn tenant_for(&self, operation: &Described) -> String {
        let made = format!("made-{}", self.verifier.log_size());
        let make = |path: String| self.put(&made, &path, None);
        match operation.id.as_str() {
            "createTenant" => return made,
            "deleteTenant" | "suspendTenant" => make(format!("/v1/tenants/{made}")),
            "resumeTenant" => {
                make(format!("/v1/tenants/{made}"));
                make(format!("/v1/tenants/{made}/suspension"));
            }
            _ => return touched(operation).to_owned(),
        }
        made
    }

    fn put(&self, tenant: &str, path: &str, body: Option<&[u8]>) {
        let admin = self.place.bootstrap(tenant, 7);
        let answer = self.verifier.send(&admin, "PUT", path, body);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{path}: {text}");
    }

    /// A token for these grants.
    fn token(&self, grants: Vec<Grant>) -> String {
        let dir = DataDir::open(&self.place.data_dir).unwrap();
        let made = bootstrap::add(&dir, grants, NOW, 7).unwrap();
        made.token.to_string()
    }

    fn role(&self, role: Role, tenant: &str) -> String {
        self.token(vec![match role {
            Role::Operator => Grant::Operator,
            Role::Of(role) => Grant::of(tenant.parse().unwrap(), role),
        }])
    }

    fn ask(&self, bearer: Option<&str>, cookie: Option<&str>, asked: &Asked) -> Answer {
        let mut client = self.verifier.client();
        if let Some(bearer) = bearer {
            client = client.with_bearer(bearer);
        }
        let request = Request {
            method: &asked.operation.method,
            path: &asked.path,
            body: asked.body.as_deref(),
            cookie,
        };
        client.send(&request).unwrap()
    }

    /// All that the tenants have, as each sees it itself, and the log's length.
    fn state(&self, all: &[Described]) -> Vec<Vec<u8>> {
        let reads = all.iter().filter(|operation| operation.method == "GET");
        let reads = reads.filter(|operation| operation.action.is_some());
        let mut state = vec![self.verifier.log_size().to_string().into_bytes()];
        for operation in reads {
            for tenant in ["default", OWNER, OTHER] {
                let asked = Asked::of(operation, tenant, Named::There);
                let admin = self.place.bootstrap(tenant, 7);
                state.push(self.ask(Some(&admin), None, &asked).body);
            }
        }
        state
    }

    /// Asks; request and answer have to be what the document describes.
    fn ask_as_described(
        &self,
        description: &Description,
        bearer: Option<&str>,
        asked: &Asked<'_>,
    ) -> u16 {
        let operation = asked.operation;
        if operation.action.is_some()
            && let Some(body) = &asked.body
        {
            let fault = description.fault_of_request(operation, body);
            assert_eq!(fault, None, "{}", operation.id);
        }
        let answer = self.ask(bearer, None, asked);
        let text = String::from_utf8_lossy(&answer.body);
        let fault = description.fault(operation, answer.status, &answer.body);
        assert_eq!(fault, None, "{}: {} {text}", operation.id, answer.status);
        answer.status
    }

    /// What is answered to one who proposes a policy, and the token of another, who may approve it.
    fn proposed(&self, description: &Description, tenant: &str) -> (serde_json::Value, String) {
        let groups = ["admin", "policy-author"].map(|role| format!("{tenant}:{role}"));
        let groups = groups.each_ref().map(String::as_str);
        let [alice, bob] = ["alice", "bob"].map(|name| people::token(name, &groups));
        let put = |path: &str, body: &[u8]| {
            let path = format!("/t/{tenant}/v1/{path}");
            let answer = self.verifier.send(&alice, "PUT", &path, Some(body));
            let put = description.find("PUT", &path).unwrap();
            assert_eq!(description.fault(&put, answer.status, &answer.body), None);
            answer
        };
        put("four-eyes", br#"{"actions":["write-policy"]}"#);
        let answer = put("policies/demo", policy().as_bytes());
        assert_eq!(answer.status, 202);
        (serde_json::from_slice(&answer.body).unwrap(), bob)
    }

    /// What a relying party asks about evidence that is good.
    fn question(&self) -> Vec<u8> {
        let guest = self.verifier.guest();
        let sent = guest.attestation(guest.auth().nonce);
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        let evidence = &sent["tee-evidence"]["primary_evidence"];
        let question =
            serde_json::json!({"tee": "simulated", "evidence": evidence, "report_data": null});
        question.to_string().into_bytes()
    }

    /// An attested guest's cookie and token.
    fn guest(&self, tenant: &str) -> (String, String) {
        let guest: Guest<'_> = self.verifier.guest().of(tenant);
        let opened = guest.auth();
        let answer = guest.attest(&opened);
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        (opened.cookie, said["token"].as_str().unwrap().to_owned())
    }
}

/// A request that would do something, if only it were allowed.
struct Asked<'a> {
    operation: &'a Described,
    path: String,
    body: Option<Vec<u8>>,
}

impl<'a> Asked<'a> {
    fn of(operation: &'a Described, tenant: &str, named: Named) -> Self {
        let there = named == Named::There;
        // After the births of the keys: the making of the one tenant, and what the other was given first.
        let (made, given) = (BORN.to_string(), (BORN + 4).to_string());
        let path = operation.path_with(|parameter| {
            let text = match (parameter, there) {
                ("tenant", _) => tenant,
                ("name", true) => "demo",
                ("repository", true) => "default",
                ("type", true) => "disk",
                ("tag", true) => "data",
                ("index", true) if operation.path.contains("{tenant}") => &made,
                ("index", true) => &given,
                ("index", false) => "4096",
                // Nobody proposed anything.
                ("id", _) => "0",
                ("name" | "repository" | "type" | "tag", false) => "missing",
                (parameter, _) => panic!("{}: a value for {{{parameter}}}", operation.id),
            };
            text.to_owned()
        });
        let query = match operation.id.trim_end_matches("OfTenant") {
            "putSecret" => "?references=demo",
            _ => "",
        };
        let body = operation.takes.then(|| body(operation));
        Self {
            operation,
            path: format!("{path}{query}"),
            body,
        }
    }
}

/// A body that is good for the operation.
fn body(operation: &Described) -> Vec<u8> {
    let value = || serde_json::to_value(reference(DIGEST)).unwrap();
    match operation.id.trim_end_matches("OfTenant") {
        "putPolicy" => policy().into_bytes(),
        "putReferenceValue" => value().to_string().into_bytes(),
        "revokeReferenceValue" => br#"{"reason":"tried"}"#.to_vec(),
        "putSecret" | "setResource" => b"another secret".to_vec(),
        "putQuotas" => br#"{"policies":1}"#.to_vec(),
        "verify" => br#"{"tee":"simulated","evidence":{},"report_data":null}"#.to_vec(),
        "setAttestationPolicy" => {
            let policy = attestation_evidence::encoding::base64url_encode(policy().as_bytes());
            format!(r#"{{"type":"rego","policy_id":"demo","policy":"{policy}"}}"#).into_bytes()
        }
        "registerReferenceValue" => {
            let payload = serde_json::json!({"demo": value()}).to_string();
            let payload = attestation_evidence::encoding::base64_encode(payload.as_bytes());
            format!(r#"{{"version":"0.1.0","type":"sample","payload":"{payload}"}}"#).into_bytes()
        }
        "openSession" | "openBoundSession" => {
            br#"{"version":"0.4.0","tee":"simulated","extra-params":""}"#.to_vec()
        }
        "putFourEyes" => br#"{"actions":[]}"#.to_vec(),
        "approveChange" => format!(r#"{{"digest":"{}"}}"#, "0".repeat(64)).into_bytes(),
        "attest" | "attestBound" => b"{}".to_vec(),
        id => panic!("{id} takes a body: give it a good one here"),
    }
}

/// Those for which one needs a right.
fn guarded(all: &[Described]) -> Vec<&Described> {
    all.iter().filter(|one| one.action.is_some()).collect()
}

/// Every role, and whether by the document it may do this.
fn roles(operation: &Described) -> impl Iterator<Item = (Role, bool)> + '_ {
    let may = |role: Role| operation.roles.iter().any(|one| one == role.as_str());
    Role::ALL.into_iter().map(move |role| (role, may(role)))
}

/// The tenant that the operation touches when the path says this one.
fn touched(operation: &Described) -> &'static str {
    match operation.path.contains("{tenant}") {
        true => OWNER,
        false => "default",
    }
}

/// A route beside the description would be one that nobody is told of, and that no test here tries.
#[test]
fn route_is_made_where_it_is_described_and_nowhere_else() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let source = std::fs::read_to_string(&path).unwrap();
            assert!(!source.contains(".route"), "{}", path.display());
        }
    }
}

#[test]
fn operation_is_open_guarded_or_a_guests_and_nothing_else() {
    let all = Description::of_the_service().operations();
    let open = |operation: &&Described| operation.security.is_empty();
    let found: BTreeSet<&str> = all.iter().filter(open).map(|one| one.id.as_str()).collect();
    assert_eq!(found, BTreeSet::from(OPEN));
    for operation in all.iter().filter(|operation| !open(operation)) {
        let security: Vec<&str> = operation.security.iter().map(String::as_str).collect();
        let known: &[&str] = match &operation.action {
            Some(_) => &["bearer", "certificate"],
            None if operation.takes => &["session"],
            None => &["session", "attestationToken"],
        };
        assert_eq!(security, known, "{}", operation.id);
        assert_eq!(
            operation.action.is_some(),
            !operation.roles.is_empty(),
            "{}",
            operation.id
        );
    }
    assert!(guarded(&all).len() > 40, "most of them are guarded");
}

#[test]
fn guarded_operation_is_refused_alike_to_whoever_may_not_and_nothing_is_done() {
    let place = Place::new();
    let scene = Scene::on(&place);
    let all = Description::of_the_service().operations();
    let role = |role, tenant: &str| {
        (
            format!("{role} of {tenant}"),
            role,
            scene.role(role, tenant),
        )
    };
    let of_owner: Vec<_> = Role::ALL.map(|one| role(one, OWNER)).into();
    let of_default: Vec<_> = Role::ALL.map(|one| role(one, "default")).into();
    let of_other: Vec<_> = TenantRole::ALL.map(|one| role(Role::Of(one), OTHER)).into();
    let nobody = scene.token(vec![]);
    let before = scene.state(&all);
    let mut tried = 0;

    for operation in guarded(&all) {
        let own = if touched(operation) == OWNER {
            &of_owner
        } else {
            &of_default
        };
        let may_not = |role: &Role| roles(operation).any(|(one, may)| one == *role && !may);
        let own = own.iter().filter(|(_, role, _)| may_not(role));
        // Of others' roles the operator's is none: it is held everywhere, and tried among the own ones.
        let strangers = own
            .chain(&of_other)
            .map(|(name, _, token)| (name.as_str(), Some(token.as_str())));
        let strangers = strangers.chain([
            ("nobody in particular", Some(nobody.as_str())),
            ("a mistyped token", Some("cloister-bootstrap-x")),
            ("a token of no kind", Some("")),
            ("no credential", None),
        ]);
        for (who, bearer) in strangers {
            let ask = |tenant, named| scene.ask(bearer, None, &Asked::of(operation, tenant, named));
            let refused = ask(OWNER, Named::There);
            let what = format!("{} by {who}", operation.id);
            let proven = !matches!(
                who,
                "a mistyped token" | "a token of no kind" | "no credential"
            );
            let (status, name) = if proven {
                (403, "NotPermitted")
            } else {
                (401, "NotProven")
            };
            let text = String::from_utf8_lossy(&refused.body).into_owned();
            assert!(
                refused.status == status && text.contains(name),
                "{what}: {text}"
            );
            for (tenant, named) in [
                (OWNER, Named::Missing),
                ("nowhere", Named::There),
                (HALTED, Named::There),
            ] {
                let missing = ask(tenant, named);
                assert_eq!(missing.status, status, "{what}");
                assert_eq!(missing.body, refused.body, "{what}");
            }
            tried += 1;
        }
    }

    assert!(tried > 400, "{tried}");
    assert!(scene.state(&all) == before, "something was done");
    assert!(!scene.verifier.journal().contains("tried"));
}

/// Otherwise a service that refuses everything would pass.
#[test]
fn guarded_operation_is_not_refused_to_whoever_may() {
    let place = Place::new();
    let scene = Scene::on(&place);
    let all = Description::of_the_service().operations();

    for operation in guarded(&all) {
        for (role, may) in roles(operation) {
            if !may {
                continue;
            }
            let tenant = scene.tenant_for(operation);
            let token = scene.role(role, &tenant);
            // What is missing cannot be undone, so that the next one finds what this one did.
            let asked = Asked::of(operation, &tenant, Named::Missing);
            let answer = scene.ask(Some(&token), None, &asked);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                !matches!(answer.status, 401 | 403 | 405 | 500..),
                "{} by {role}: {} {text}",
                operation.id,
                answer.status
            );
        }
    }
}

#[test]
fn guests_operation_is_refused_to_another_tenants_guest_and_nothing_is_done() {
    let place = Place::new();
    let scene = Scene::on(&place);
    let all = Description::of_the_service().operations();
    let (cookie, token) = scene.guest(OTHER);
    let before = scene.state(&all);
    let guests = all
        .iter()
        .filter(|one| one.action.is_none() && !one.security.is_empty());
    let mut tried = 0;

    for operation in guests {
        let cookie_alone = operation.takes;
        for (bearer, cookie) in [
            (None, None),
            (None, Some(cookie.as_str())),
            (Some(token.as_str()), None),
            (Some(token.as_str()), Some(cookie.as_str())),
        ] {
            let ask =
                |tenant, named| scene.ask(bearer, cookie, &Asked::of(operation, tenant, named));
            let refused = ask(OWNER, Named::There);
            let name = match bearer {
                Some(_) if !cookie_alone => "TokenVerifierError",
                _ => "TokenNotFound",
            };
            let text = String::from_utf8_lossy(&refused.body).into_owned();
            let what = format!("{} with {bearer:?} {cookie:?}", operation.id);
            assert!(
                refused.status == 401 && text.contains(name),
                "{what}: {text}"
            );
            let missing = ask(OWNER, Named::Missing);
            let found = (missing.status, &missing.body);
            assert_eq!(found, (401, &refused.body), "{what}");
            // Whether there is such a tenant is no secret: anybody may ask for a challenge of it.
            let nowhere = ask("nowhere", Named::There);
            assert!(matches!(nowhere.status, 401 | 403), "{what}");
            tried += 1;
        }
    }

    assert!(tried >= 40, "{tried}");
    assert!(scene.state(&all) == before, "something was done");
    // And its own guest still gets its secret.
    let (cookie, _) = scene.guest(OTHER);
    let answer = scene.verifier.guest().of(OTHER).resource(&cookie, RESOURCE);
    assert_eq!(answer.status, 200);
}

/// What is answered to whoever may is what the document says.
#[test]
fn answer_to_an_administrator_is_as_the_document_describes_it() {
    let place = Place::new().believes_people();
    let scene = Scene::on(&place);
    let description = Description::of_the_service();
    let mut silent = Vec::new();

    // Changes last: from then on nobody puts anything alone.
    let all = description.operations().into_iter();
    let (changes, others): (Vec<_>, Vec<_>) = all.partition(|one| one.path.contains("{id}"));
    for operation in &others {
        let tenant = scene.tenant_for(operation);
        let mut asked = Asked::of(operation, &tenant, Named::There);
        if operation.action.as_deref() == Some("verify") {
            asked.body = Some(scene.question());
        }
        let admin = operation
            .action
            .as_ref()
            .map(|_| place.bootstrap(&tenant, 7));
        let status = scene.ask_as_described(&description, admin.as_deref(), &asked);
        if admin.is_some() && status != 200 {
            silent.push(&operation.id);
        }
        if operation.method != "GET" && tenant == touched(operation) {
            scene.furnish(&tenant);
        }
    }
    for operation in &changes {
        let (said, bob) = scene.proposed(&description, touched(operation));
        let mut asked = Asked::of(operation, touched(operation), Named::There);
        let id = said["change"].as_str().unwrap();
        asked.path = asked.path.replace("/0", &format!("/{id}"));
        let digest = serde_json::json!({"digest": said["digest"]}).to_string();
        asked.body = asked.body.map(|_| digest.into_bytes());
        let status = scene.ask_as_described(&description, Some(&bob), &asked);
        assert_eq!(status, 200, "{}", operation.id);
    }

    assert!(silent.is_empty(), "never answered 200: {silent:?}");
}
