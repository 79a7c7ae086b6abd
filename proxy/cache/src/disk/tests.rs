//! The second tier without a proxy: restarts, torn files, purges, and what goes when it is full.

use std::time::{Duration, Instant};

use pingora_http::ResponseHeader;
use tempfile::TempDir;

use super::record::Place;
use super::*;
use crate::terms::Terms;

const ROOM: u64 = 1 << 20;

fn nobody(_: &HashBinary, _: &HashBinary) -> bool {
    false
}

fn head(number: u8, tag: &str) -> Head {
    let mut fields = ResponseHeader::build(200, None).unwrap();
    fields.append_header("x-number", number.to_string()).unwrap();
    let terms = Terms {
        lifetime: Duration::from_secs(600),
        tags: [tag.into()].into(),
        ..Terms::aged(Duration::ZERO)
    };
    let (key, primary, url) = ([number; 16], [number; 16], [100 + number; 16]);
    let now = SystemTime::now();
    let place = Place { key, primary, url, variance: None, service: "web", since: now };
    Head::new(&place, &fields, &terms.kept(now))
}

fn open(folder: &TempDir, size: u64) -> Disk {
    let options = DiskOptions { folder: folder.path().to_owned(), size };
    let begun = Instant::now();
    loop {
        match Disk::open(&options) {
            Ok(disk) => return disk,
            // The writer before is about to end.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                assert!(begun.elapsed() < Duration::from_secs(20), "the folder stays busy");
                thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        thread::yield_now();
    }
}

fn put(disk: &Disk, number: u8, tag: &str, body: &[u8]) {
    let before = disk.figures().written;
    disk.write(head(number, tag), vec![Bytes::copy_from_slice(body)]);
    until("it is written", || disk.figures().written > before);
}

fn get(disk: &Disk, number: u8) -> Option<Bytes> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(disk.read([number; 16])).map(|(_, body)| body)
}

fn looked_through(disk: &Disk) {
    until("the folder is looked through", || disk.shared.state.lock().purged.is_none());
}

#[test]
fn what_is_written_is_read_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(&folder, ROOM);
    put(&disk, 1, "t", b"one");
    put(&disk, 1, "t", b"one again");
    assert_eq!(get(&disk, 1).as_deref(), Some(b"one again".as_slice()));
    assert_eq!(get(&disk, 2), None);
    drop(disk);
    let disk = open(&folder, ROOM);
    looked_through(&disk);
    assert_eq!(get(&disk, 1).as_deref(), Some(b"one again".as_slice()));
    assert_eq!(disk.figures().objects, 1);
}

#[test]
fn what_is_torn_is_nothing_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(&folder, ROOM);
    put(&disk, 1, "t", b"one");
    put(&disk, 2, "t", b"two");
    let path = |number: u8| disk.shared.path(&[number; 16]);
    let whole = fs::read(path(1)).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(path(1), changed).unwrap();
    assert_eq!(get(&disk, 1), None);
    assert!(!path(1).exists());
    assert_eq!(disk.figures().failures, 1);

    // Found so at the start, and under another's name.
    fs::write(path(2), &whole[..whole.len() - 1]).unwrap();
    let strange = folder.path().join("03").join("03030303030303030303030303030303");
    fs::create_dir_all(strange.parent().unwrap()).unwrap();
    fs::write(&strange, &whole).unwrap();
    fs::write(folder.path().join("part"), b"half").unwrap();
    drop(disk);
    let disk = open(&folder, ROOM);
    looked_through(&disk);
    assert_eq!(disk.figures().objects, 0);
    assert!(!strange.exists() && !folder.path().join("part").exists());
}

#[test]
fn what_is_purged_is_gone_for_ever() {
    let ways: [(Gone<'_>, u64); 6] = [
        (Gone::Place([1; 16]), 1),
        (Gone::Place([101; 16]), 1),
        (Gone::Key([1; 16]), 1),
        (Gone::Tag(None, "a"), 1),
        (Gone::Tag(Some("other"), "a"), 0),
        (Gone::Service("web"), 2),
    ];
    for (gone, removed) in ways {
        let folder = tempfile::tempdir().unwrap();
        let disk = open(&folder, ROOM);
        looked_through(&disk);
        put(&disk, 1, "a", b"one");
        put(&disk, 2, "b", b"two");
        assert_eq!(disk.purge(&gone, &nobody), removed, "{gone:?}");
        disk.settle();
        let there = (1..=2).filter(|number| disk.shared.path(&[*number; 16]).exists()).count();
        assert_eq!(there as u64, 2 - removed, "{gone:?}");
        drop(disk);
        let disk = open(&folder, ROOM);
        looked_through(&disk);
        assert_eq!(disk.figures().objects, 2 - removed, "{gone:?}");
        assert_eq!(get(&disk, 1).is_none(), removed > 0, "{gone:?}");
    }
}

/// The file of what is replaced goes too, though the writer cannot take the new one.
#[test]
fn what_is_replaced_is_gone_though_nothing_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(&folder, ROOM);
    put(&disk, 1, "a", b"old");
    disk.write(head(1, "a"), vec![Bytes::from(vec![0; ROOM as usize + 1])]);
    assert_eq!(get(&disk, 1), None);
    until("its file is gone", || !disk.shared.path(&[1; 16]).exists());
}

/// A purge may come while the folder is still being looked through, or while the file is not yet written.
#[test]
fn what_is_purged_before_it_is_found_or_written_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(&folder, ROOM);
    for number in 0..50 {
        put(&disk, number, "a", b"x");
    }
    drop(disk);
    let disk = open(&folder, ROOM);
    disk.purge(&Gone::Tag(None, "a"), &nobody);
    looked_through(&disk);
    assert_eq!(disk.figures().objects, 0);

    for number in 0..50 {
        disk.write(head(number, "b"), vec![Bytes::from_static(b"y")]);
    }
    disk.purge(&Gone::Service("web"), &nobody);
    put(&disk, 60, "c", b"the last");
    assert_eq!(disk.figures().objects, 1, "all before it has been dealt with");
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(&folder, 4 * 11_000);
    for number in 1..=4 {
        put(&disk, number, "t", &[number; 10_000]);
    }
    assert!(get(&disk, 1).is_some(), "used, so that it is not the oldest");
    put(&disk, 5, "t", &[5; 10_000]);
    assert!(disk.figures().bytes <= 4 * 11_000);
    assert_eq!(get(&disk, 2), None);
    for number in [1, 3, 4, 5] {
        assert!(get(&disk, number).is_some(), "{number}");
    }
    disk.write(head(6, "t"), vec![Bytes::from(vec![0; 50_000])]);
    assert_eq!(disk.figures().dropped, 1, "larger than all of it");
}

#[test]
fn two_do_not_have_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _disk = open(&folder, ROOM);
    let options = DiskOptions { folder: folder.path().to_owned(), size: ROOM };
    let refused = Disk::open(&options).unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
}
