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
        .and_then(|header| header.ephemeral_p256())
        .expect("the header of a JWE that is spoken here");
    assert_eq!(Header::p256(&ephemeral).to_base64url(), recorded);
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
fn recipient_that_is_no_point_of_its_curve_is_refused() {
    for recipient in [
        TeePublicKey::from_coordinates([2; 32], [3; 32]),
        TeePublicKey::P521(Coordinates::new([0; 66], [1; 66])),
    ] {
        let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
        let refused = Err(JweError::RecipientNotOnCurve);
        assert_eq!(JweParts::seal(b"secret", &recipient, entropy), refused);
        assert_eq!(JweParts::check_recipient(&recipient), refused.map(|_| ()));
    }
}

fn header_of(recipient: &TeePublicKey) -> String {
    JweParts::check_recipient(recipient).expect("a good key");
    let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
    let jwe = JweParts::seal(b"secret", recipient, entropy).expect("a good key");
    let header = base64url_decode(&jwe.protected).expect("base64url");
    String::from_utf8(header).expect("JSON is text")
}

/// What a client authenticates is what it makes of the header again: notably no member besides these, in this order.
#[test]
fn header_for_an_rsa_key_has_two_members_in_their_order() {
    let mut n = vec![0xDA; 256];
    n[255] |= 1;
    let key = RsaPublicKey::new(n, vec![1, 0, 1]).expect("a good key");
    assert_eq!(
        header_of(&TeePublicKey::Rsa(key)),
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#
    );
}

#[test]
fn header_for_a_key_on_p521_names_the_curve_and_has_whole_coordinates() {
    let ephemeral = p521::SecretKey::from_slice(&[1; 66]).expect("a good number");
    let public = public_half_p521(&ephemeral);
    let [x, y] = [public.x(), public.y()].map(|bytes| base64url_encode(bytes));
    assert_eq!((x.len(), y.len()), (88, 88));
    assert_eq!(
        header_of(&TeePublicKey::P521(public)),
        format!(
            r#"{{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{{"crv":"P-521","kty":"EC","x":"{x}","y":"{y}"}}}}"#
        )
    );
}

/// A guest of ours has a key on P-256 and opens nothing that is meant for another kind.
#[test]
fn jwe_for_another_kind_of_key_is_not_opened() {
    let mut jwe = sealed();
    for header in [
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
        r#"{"alg":"ECDH-ES+A256KW","enc":"A256GCM"}"#,
        r#"{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":null}"#,
    ] {
        jwe.protected = base64url_encode(header.as_bytes());
        assert_eq!(jwe.unseal(&key()), Err(JweError::Header));
    }
}

/// 521 bits are asked for, and 528 come in.
#[test]
fn entropy_of_p521_is_cut_to_its_bits_and_uses_all_of_them() {
    let number = |at: usize, byte: u8| {
        let mut bytes = Zeroizing::new([1; Entropy::LENGTH]);
        bytes[at] = byte;
        let ephemeral = Entropy::from_bytes(&bytes).ephemeral_p521();
        public_half_p521(&ephemeral.expect("a good number"))
    };
    assert_eq!(number(0, 0xFF), number(0, 1));
    assert_ne!(number(0, 0), number(0, 1));
    assert_ne!(
        number(Entropy::LENGTH - 1, 0),
        number(Entropy::LENGTH - 1, 1)
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
