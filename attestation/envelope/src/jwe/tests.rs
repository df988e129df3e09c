//! The envelope against other implementations, and against changes.

use super::*;

/// A key, a release and its secret that no generator made twice: fixed so that the bytes are too.
fn key() -> TeeKey {
    TeeKey::from_entropy(&Zeroizing::new([0x11; 32])).expect("a number below the group's order")
}

fn sealed() -> JweParts {
    let mut bytes = Zeroizing::new([0; Entropy::LENGTH]);
    bytes[..32].fill(0x22);
    bytes[32..64].fill(0x33);
    bytes[64..].fill(0x44);
    JweParts::seal(
        b"a secret of ours",
        &key().public(),
        Entropy::from_bytes(&bytes),
    )
    .expect("the key is on the curve")
}

/// PyPI's jwcrypto 1.6.1 decrypted exactly this text with [`key`] to `a secret of ours`.
#[test]
fn jwe_of_ours_is_the_one_that_jwcrypto_decrypted() {
    let jwe = sealed();
    let compact = [
        jwe.protected,
        jwe.encrypted_key,
        jwe.iv,
        jwe.ciphertext,
        jwe.tag,
    ]
    .join(".");
    assert_eq!(
        compact,
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0y\
         NTYiLCJrdHkiOiJFQyIsIngiOiIxbHFUbDN5cVBSc0lHRkxfVjZlZVJsOFdZRmR6QkxycTFRWGRP\
         a2hZblBNIiwieSI6IlVCaGVpVk55MzJJaDZqb1RkVmZrY18zYloxWHdXOVVIdzhVel9PbkpFb1UifX0\
         .Tv226vhM20rpXNoICDhHf0YT2lYcLlnHvVvuv_Fmpi_nXNRYDlyw1A\
         .RERERERERERERERE.UbG396l06h-A7cKymei4Ag\
         .RlxkVbqWZy128-Bk3Evs9Q"
    );
}

/// PyPI's jwcrypto 1.6.1 made it for [`key`].
#[test]
fn jwe_that_jwcrypto_made_is_opened() {
    let jwe = JweParts {
        protected: "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0y\
                    NTYiLCJrdHkiOiJFQyIsIngiOiJNX191VWJHVC1VYVhVMk15LUlqOUw2cUgyb3FEOUNZZHJhcTBM\
                    Q0NHRHdjIiwieSI6InFGczJUb01Ud0pIZWdJSFpSVUdycjZyLTltNFFGUTc3ZEY4eWNZclplX0Ei\
                    fX0"
        .to_owned(),
        encrypted_key: "CMiMzmpXcdcrWZbxrlwDaRGQABNNFyJAyOzGW3S8CB9qEaZB2luQcQ".to_owned(),
        iv: "qYBU4KL9EFhWCjPc".to_owned(),
        ciphertext: "YDKg-fqI9jK131rOrWYHmr_8vEGqCq0".to_owned(),
        tag: "URouj-wA1gWa0FZjrJ5LLg".to_owned(),
    };
    let secret = jwe.unseal(&key()).expect("it is for this key");
    assert_eq!(secret.as_slice(), b"a secret from elsewhere");
}

/// The header in `../shared/vectors/kbs-protocol-0.4.0/transcript.json`, which kbs-client accepted.
#[test]
fn header_has_the_very_bytes_that_the_kbs_client_accepted() {
    let recorded = "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYi\
                    LCJrdHkiOiJFQyIsIngiOiJJRExwZnZNblVrY3hIMWVLVTlJUVNnYVR0dHRFdC1FUjRIU0tUc1p6\
                    aXlvIiwieSI6IkcyLUJydUJuaVpFWmNCeURseTdwLUNVcVc0ZWxhQWFRX2d1RFZVT2FxQzAifX0";
    let ephemeral = Header::from_base64url(recorded)
        .and_then(|header| header.ephemeral_key())
        .expect("the header of a JWE that is spoken here");
    assert_eq!(Header::new(ephemeral).to_base64url(), recorded);
}

#[test]
fn secret_of_any_length_comes_back() {
    for length in [0_usize, 1, 64, 1 << 16] {
        let secret = vec![7; length];
        let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
        let jwe = JweParts::seal(&secret, &key().public(), entropy).expect("a good key");
        assert_eq!(*jwe.unseal(&key()).expect("for this key"), secret);
    }
}

#[test]
fn jwe_for_another_key_is_refused() {
    let other = TeeKey::from_entropy(&Zeroizing::new([0x12; 32])).expect("a good number");
    assert_eq!(sealed().unseal(&other), Err(JweError::NotForThisKey));
}

#[test]
fn jwe_with_any_member_changed_is_refused() {
    let change = |text: &mut String| {
        let mut bytes = base64url_decode(text).expect("it is base64url");
        *bytes.last_mut().expect("not empty") ^= 1;
        *text = base64url_encode(&bytes);
    };
    let spoiled = |spoil: fn(&mut JweParts) -> &mut String| {
        let mut jwe = sealed();
        change(spoil(&mut jwe));
        jwe.unseal(&key()).expect_err("it was changed")
    };
    assert_eq!(spoiled(|jwe| &mut jwe.protected), JweError::Header);
    assert_eq!(
        spoiled(|jwe| &mut jwe.encrypted_key),
        JweError::NotForThisKey
    );
    assert_eq!(spoiled(|jwe| &mut jwe.iv), JweError::Altered);
    assert_eq!(spoiled(|jwe| &mut jwe.ciphertext), JweError::Altered);
    assert_eq!(spoiled(|jwe| &mut jwe.tag), JweError::Altered);
}

/// The same header in another spelling still gives the keys: only the AAD notices.
#[test]
fn jwe_with_its_header_spelled_otherwise_is_refused() {
    let mut jwe = sealed();
    let mut header = base64url_decode(&jwe.protected).expect("it is base64url");
    header.push(b' ');
    jwe.protected = base64url_encode(&header);
    assert_eq!(jwe.unseal(&key()), Err(JweError::Altered));
}

#[test]
fn header_with_another_algorithm_or_member_is_refused() {
    let header = String::from_utf8(base64url_decode(&sealed().protected).expect("base64url"))
        .expect("JSON is text");
    for (was, is) in [
        ("ECDH-ES+A256KW", "ECDH-ES"),
        ("A256GCM", "A128GCM"),
        ("P-256", "P-384"),
        ("\"EC\"", "\"OKP\""),
        ("{\"alg\"", "{\"zip\":\"DEF\",\"alg\""),
        ("\"x\":\"", "\"x\":\"AAAA"),
    ] {
        let mut jwe = sealed();
        let spoiled = header.replacen(was, is, 1);
        assert_ne!(spoiled, header);
        jwe.protected = base64url_encode(spoiled.as_bytes());
        assert!(
            matches!(
                jwe.unseal(&key()),
                Err(JweError::Header | JweError::Member { .. })
            ),
            "{was} -> {is}"
        );
    }
}

#[test]
fn member_of_another_length_is_refused() {
    let mut jwe = sealed();
    jwe.iv.push_str("AAAA");
    assert_eq!(jwe.unseal(&key()), Err(JweError::Member { member: "iv" }));
}

#[test]
fn recipient_that_is_no_point_of_the_curve_is_refused() {
    let recipient = TeePublicKey::from_coordinates([2; 32], [3; 32]);
    let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
    assert_eq!(
        JweParts::seal(b"secret", &recipient, entropy),
        Err(JweError::RecipientNotOnCurve)
    );
}

#[test]
fn entropy_that_is_no_secret_number_is_refused() {
    for bytes in [[0; 32], [0xFF; 32]] {
        assert!(TeeKey::from_entropy(&Zeroizing::new(bytes)).is_err());
    }
    let entropy = Entropy::from_bytes(&Zeroizing::new([0; Entropy::LENGTH]));
    assert_eq!(
        JweParts::seal(b"secret", &key().public(), entropy),
        Err(JweError::Entropy(UnusableEntropy))
    );
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let entropy = Entropy::from_bytes(&Zeroizing::new([0x11; Entropy::LENGTH]));
    assert_eq!(
        format!("{:?} {entropy:?}", key()),
        "TeeKey(redacted) Entropy(redacted)"
    );
}

#[test]
fn digest_differs_with_every_member() {
    let whole = sealed();
    let members: [fn(&mut JweParts) -> &mut String; 5] = [
        |jwe| &mut jwe.protected,
        |jwe| &mut jwe.encrypted_key,
        |jwe| &mut jwe.iv,
        |jwe| &mut jwe.ciphertext,
        |jwe| &mut jwe.tag,
    ];
    for member in members {
        let mut spoiled = whole.clone();
        member(&mut spoiled).push('A');
        assert_ne!(spoiled.digest(), whole.digest());
    }
}
