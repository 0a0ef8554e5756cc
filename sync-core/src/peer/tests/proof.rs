//! Who somebody is has to be shown before anything is said.

use super::*;

#[test]
fn a_ticket_is_named_only_to_whoever_has_its_key() {
    let (scene, mut ana, _) = ana_and_ben();
    writes(&mut ana, "nobody else's business", 1);
    let mut cara = opened(CARA);
    answer(&mut cara, &scene, &certificate_of(CARA), false);
    let (report, other) = meet(&mut ana, &mut cara);
    assert_eq!((report.shared, other.shared, report.handed_over, other.taken), (0, 0, 0, 0));
    // What Ana shows is another thing in each session, and from each end: shown back to her it means nothing.
    let tags = |binding, side| ana.tags(&binding, side).into_keys().next().unwrap();
    assert_ne!(tags([1; 32], Side::Initiator), tags([2; 32], Side::Initiator));
    assert_ne!(tags([1; 32], Side::Initiator), tags([1; 32], Side::Responder));
}

#[test]
fn whoever_shows_no_good_certificate_hears_nothing() {
    let (scene, ana, _) = ana_and_ben();
    let stranger = ServerSigner::from_secret(&[2; 32]);
    let over = DeviceCertificate { expires: ServerTime(NOON - 2 * CERTIFICATE_LEEWAY_MS), ..certificate_of(BEN) };
    let other_tenant = DeviceCertificate { tenant: TenantId(uuid::Uuid::from_u128(8)), ..certificate_of(BEN) };
    let early = DeviceCertificate { issued: ServerTime(NOON + 2 * CERTIFICATE_LEEWAY_MS), ..certificate_of(BEN) };
    let expires = over.expires;
    let issued = early.issued;
    type Case = (Vec<u8>, SoftwareDeviceSigner, PeerFault);
    let cases: [Case; 7] = [
        (over.sign(&server()), key_of(BEN), CertificateError::Over { expires }.into()),
        (early.sign(&server()), key_of(BEN), CertificateError::NotYet { issued }.into()),
        (certificate_of(BEN).sign(&stranger), key_of(BEN), CertificateError::NotSigned.into()),
        (other_tenant.sign(&server()), key_of(BEN), PeerFault::OtherTenant),
        // A certificate that was overheard, without its key.
        (certificate_of(BEN).sign(&server()), key_of(CARA), PeerFault::NoProof),
        (certificate_of(ANA).sign(&server()), key_of(ANA), PeerFault::Oneself),
        (vec![0xff; 100], key_of(BEN), WireError::Field { field: "" }.into()),
    ];
    for (number, (certificate, key, fault)) in cases.into_iter().enumerate() {
        let mut ana = Replica::fork(&ana, Box::new(key_of(ANA)));
        let mut session = PeerSession::initiate(&ana, [1; 32], NOW).unwrap();
        let mut wire = Channel::new(false, [2; 32]);
        let knock = session.poll_bytes(&mut ana, NOW).unwrap().unwrap();
        assert!(session.poll_bytes(&mut ana, NOW).unwrap().is_none(), "she says nothing more to a stranger");
        wire.receive(&mut knock.as_slice()).unwrap();
        let proof = key.sign(&proof_of(&wire, Side::Responder, &certificate)).unwrap().0.to_vec();
        wire.send(&Message::Hello { certificate, proof }.encode()).unwrap();
        let mut told = Ok(());
        while let Some(bytes) = wire.poll_frame() {
            told = told.and(session.handle_bytes(&mut ana, &bytes, NOW));
        }
        match (told, fault) {
            (Err(PeerFault::Certificate(CertificateError::Malformed(_))), PeerFault::Message(_)) => {}
            (told, fault) => assert_eq!(told, Err(fault), "{number}"),
        }
        assert!(session.poll_bytes(&mut ana, NOW).is_err() && session.is_over(), "not even her name");
        assert_eq!(session.report().peer, None);
    }
    drop(scene);
}

#[test]
fn somebody_between_the_two_cannot_pass_for_either() {
    let (_, mut ana, mut ben) = ana_and_ben();
    let (mut one, mut other) = sessions(&ana, &ben);
    let (mut to_ana, mut to_ben) = (Channel::new(false, [3; 32]), Channel::new(true, [4; 32]));
    let knock = one.poll_bytes(&mut ana, NOW).unwrap().unwrap();
    to_ana.receive(&mut knock.as_slice()).unwrap();
    other.handle_bytes(&mut ben, &to_ben.poll_frame().unwrap(), NOW).unwrap();
    let mut hello = None;
    while let Some(bytes) = other.poll_bytes(&mut ben, NOW).unwrap() {
        hello = to_ben.receive(&mut bytes.as_slice()).unwrap().or(hello);
    }
    let Some(Message::Hello { certificate, proof }) = Message::decode(&hello.unwrap()).unwrap() else { panic!() };
    assert_eq!(DeviceCertificate::open(&certificate, &[server().public_key()]), Ok(certificate_of(BEN)));
    // It is Ben's own word, for another channel than Ana's.
    to_ana.send(&Message::Hello { certificate, proof }.encode()).unwrap();
    let mut told = Ok(());
    while let Some(bytes) = to_ana.poll_frame() {
        told = told.and(one.handle_bytes(&mut ana, &bytes, NOW));
    }
    assert_eq!(told, Err(PeerFault::NoProof));
    // What an end has signed for this very channel does not serve the other end.
    let mut hostile = Channel::new(true, [5; 32]);
    let mut session = PeerSession::respond(&ben, [6; 32], NOW).unwrap();
    session.handle_bytes(&mut ben, &hostile.poll_frame().unwrap(), NOW).unwrap();
    let mut hello = None;
    while let Some(bytes) = session.poll_bytes(&mut ben, NOW).unwrap() {
        hello = hostile.receive(&mut bytes.as_slice()).unwrap().or(hello);
    }
    hostile.send(&hello.unwrap()).unwrap();
    let told = session.handle_bytes(&mut ben, &hostile.poll_frame().unwrap(), NOW);
    assert_eq!(told, Err(PeerFault::NoProof));
}

#[test]
fn a_phone_whose_own_certificate_is_missing_over_or_early_says_so() {
    let (scene, ana, _) = ana_and_ben();
    assert_eq!(
        PeerSession::initiate(&opened(CARA), [1; 32], NOW).err(),
        Some(PeerFault::NoCertificate(NoCertificate::None))
    );
    let late = DeviceTime(NOON + CERTIFICATE_LIFE_MS + CERTIFICATE_LEEWAY_MS + 1);
    let told = PeerSession::respond(&ana, [1; 32], late).err().unwrap();
    assert!(matches!(told, PeerFault::NoCertificate(NoCertificate::NotValid(CertificateError::Over { .. }))));
    assert!(told.to_string().contains("by this phone's clock"), "{told}");
    let early = DeviceTime(NOON - CERTIFICATE_LEEWAY_MS - 1);
    let told = PeerSession::respond(&ana, [1; 32], early).err();
    assert!(matches!(told, Some(PeerFault::NoCertificate(NoCertificate::NotValid(CertificateError::NotYet { .. })))));
    drop(scene);
}

#[test]
fn a_certificate_is_asked_for_until_it_is_fresh_and_another_device_s_is_not_kept() {
    let scene = Scene::new();
    let mut ana = opened(ANA);
    let asks = |ana: &mut Phone, now| {
        let bytes = ana.poll_request(now).unwrap().unwrap();
        ana.handle_failure(crate::replica::Failure::Offline);
        SyncRequest::decode(&envelope::unpack(&bytes, 1 << 20).unwrap()).unwrap().wants_certificate
    };
    assert!(asks(&mut ana, NOW));
    answer(&mut ana, &scene, &certificate_of(BEN), false);
    assert!(asks(&mut ana, NOW), "that was Ben's");
    answer(&mut ana, &scene, &certificate_of(ANA), false);
    assert!(!asks(&mut ana, NOW));
    assert!(!asks(&mut ana, DeviceTime(NOON + CERTIFICATE_LIFE_MS / 2)));
    assert!(asks(&mut ana, DeviceTime(NOON + CERTIFICATE_LIFE_MS / 2 + 1)));
}
