//! The messages: whatever comes, the decoders give a value or an error within their bounds, and a value that was read
//! is written and read again as it was.

use std::sync::OnceLock;

use sync_core::ids::Sha256Hash;
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    Batch, BatchError, DeviceKey, DeviceSigner, MAX_BATCH_BYTES, Receipt, ReceiptEntry, ReceiptFile, ServerSigner,
    SoftwareDeviceSigner, SyncReply, SyncRequest, VerifiedBatch, signed,
};

/// What a body may come to.
const LIMIT: usize = 1 << 20;

/// One byte that selects the decoder.
pub fn wire(bytes: &[u8]) {
    let Some((selector, rest)) = bytes.split_first() else { return };
    match selector % 7 {
        0 => request(rest),
        1 => reply(rest),
        2 => batch(rest),
        3 => {
            if let Some(body) = unpacked(rest) {
                request(&body);
            }
        }
        4 => reply_of_a_server(rest),
        6 => receipts(rest),
        _ => {
            if let Some(body) = unpacked(&[&[1], rest].concat()) {
                batch(&body);
            }
        }
    }
}

fn request(bytes: &[u8]) {
    let Ok(request) = SyncRequest::decode(bytes) else { return };
    for bytes in &request.batches {
        batch(bytes);
    }
    assert_eq!(SyncRequest::decode(&request.clone().encode()).as_ref(), Ok(&request));
}

fn reply(bytes: &[u8]) {
    let Ok(reply) = SyncReply::decode(bytes) else { return };
    assert_eq!(SyncReply::decode(&reply.clone().encode()).as_ref(), Ok(&reply));
}

fn receipts(bytes: &[u8]) {
    let Ok(file) = ReceiptFile::decode(bytes) else { return };
    assert_eq!(ReceiptFile::decode(&file.encode()).as_ref(), Ok(&file));
    for ReceiptEntry { receipt, batch: bytes } in &file.entries {
        batch(bytes);
        if let Ok(said) = Receipt::from_bytes(&receipt.statement) {
            assert_eq!(Receipt::from_bytes(&said.to_bytes()), Ok(said));
        }
        let _ = receipt.verify(&receipt.by);
    }
}

/// A batch, and what it claims signed by us: nobody finds a signature by chance.
fn batch(bytes: &[u8]) {
    let Ok(batch) = Batch::decode(bytes) else { return };
    assert!(bytes.len() <= MAX_BATCH_BYTES);
    assert_eq!(Batch::decode(&batch.encode()).as_ref(), Ok(&batch));
    let Ok(claims) = batch.claims() else { return };
    let signer = device();
    assert_eq!(batch.clone().verify(&stranger()), Err(BatchError::BadSignature));
    let ours = Batch::sign(&claims, batch.changes().to_vec(), signer).expect("a key in memory signs");
    assert_eq!(ours.claims().as_ref(), Ok(&claims));
    match ours.clone().verify(&signer.public_key()) {
        Ok(verified) => {
            assert_eq!(verified.changes().len(), claims.change_hashes.len());
            if ours.encode().len() <= MAX_BATCH_BYTES {
                assert_eq!(VerifiedBatch::parse(&ours.encode(), &signer.public_key()), Ok(verified));
            }
        }
        Err(why) => assert!(matches!(why, BatchError::OtherChange { .. }), "{why}"),
    }
}

fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let body = envelope::unpack(bytes, LIMIT).ok()?;
    assert!(body.len() <= LIMIT);
    assert_eq!(envelope::unpack(&envelope::pack(&body, Effort::Quick), LIMIT).as_ref(), Ok(&body));
    Some(body)
}

/// What our server signed opens as far as its envelope does; what it did not sign, or for another request, never.
fn reply_of_a_server(enveloped: &[u8]) {
    static SERVER: OnceLock<ServerSigner> = OnceLock::new();
    let server = SERVER.get_or_init(|| ServerSigner::from_secret(&[1; 32]));
    let (keys, asked) = ([server.public_key()], Sha256Hash::of(b"request"));
    assert!(signed::open(enveloped, asked, &keys, LIMIT).is_err());
    if let Ok(body) = envelope::unpack(enveloped, LIMIT) {
        let sealed = signed::seal(&body, b"request", Effort::Quick, server);
        assert_eq!(signed::open(&sealed, asked, &keys, LIMIT).as_ref(), Ok(&body));
        assert!(signed::open(&sealed, Sha256Hash::of(b"another"), &keys, LIMIT).is_err());
        reply(&body);
    }
}

fn stranger() -> DeviceKey {
    static STRANGER: OnceLock<DeviceKey> = OnceLock::new();
    *STRANGER.get_or_init(|| SoftwareDeviceSigner::from_secret(&[4; 32]).unwrap().public_key())
}

fn device() -> &'static SoftwareDeviceSigner {
    static DEVICE: OnceLock<SoftwareDeviceSigner> = OnceLock::new();
    DEVICE.get_or_init(|| SoftwareDeviceSigner::from_secret(&[3; 32]).unwrap())
}
