//! A body with one who writes and others who read.

use super::*;

fn body(most: u64) -> (Arc<Body>, Arc<Room>) {
    let room = Room::new(1 << 30);
    (Body::new(room.clone(), most), room)
}

async fn all(reader: &mut Reader) -> Result<Vec<u8>, Cut> {
    let mut got = Vec::new();
    while let Some(piece) = reader.read().await? {
        got.extend_from_slice(&piece);
    }
    Ok(got)
}

#[tokio::test]
async fn readers_get_what_comes_and_all_of_it() {
    let (body, room) = body(1 << 20);
    let mut early = Reader::new(&body);
    let waits = tokio::spawn(async move { all(&mut early).await });
    let wanted: Vec<u8> = (0..300_000).map(|n| n as u8).collect();
    for piece in wanted.chunks(777) {
        assert_eq!(body.add(piece), Ok(false));
        tokio::task::yield_now().await;
    }
    let mut midway = Reader::new(&body);
    assert_eq!(body.finish(), Some(300_000));
    assert_eq!(waits.await.expect("reads"), Ok(wanted.clone()));
    assert_eq!(all(&mut midway).await, Ok(wanted.clone()));
    let mut part = Reader::new(&body);
    part.seek(65_500, Some(131_100));
    assert_eq!(all(&mut part).await.as_deref(), Ok(&wanted[65_500..131_100]));
    assert_eq!(room.taken(), 0, "what is kept is weighed elsewhere");
}

#[tokio::test]
async fn what_breaks_off_is_never_read_as_whole() {
    let (body, room) = body(1 << 20);
    let mut reader = Reader::new(&body);
    body.add(b"half").expect("added");
    assert_eq!(reader.read().await, Ok(Some(Bytes::from_static(b"half"))));
    body.break_off();
    assert_eq!(reader.read().await, Err(Cut));
    assert_eq!(all(&mut Reader::new(&body)).await, Err(Cut));
    assert_eq!(room.taken(), 0);
}

#[tokio::test]
async fn what_is_too_large_passes_through_in_bounded_memory() {
    let (body, room) = body(100_000);
    let mut reader = Reader::new(&body);
    let mut read = 0;
    let mut told = 0;
    for _ in 0..1000 {
        told += u32::from(body.add(&[7; 50_000]).expect("is read"));
        read += reader.read().await.expect("goes on").expect("more").len();
        assert!(room.taken() <= 400_000, "{}", room.taken());
    }
    assert_eq!(body.finish(), None);
    assert_eq!(told, 1, "once");
    assert_eq!(read + all(&mut reader).await.expect("whole").len(), 50_000_000);
}

#[tokio::test]
async fn a_reader_too_slow_for_what_is_not_kept_stops_it() {
    let (body, _) = body(1 << 20);
    let reader = Reader::new(&body);
    let stopped = (0..100).find_map(|_| body.add(&[7; 100_000]).err());
    assert_eq!(stopped, Some(Stopped::TooSlow));
    drop(reader);
    assert_eq!(body.add(b"x"), Err(Stopped::Unread));
}

#[tokio::test]
async fn bytes_one_by_one_cost_no_more_than_others() {
    let (body, _) = body(1 << 20);
    for _ in 0..200_000 {
        body.add(b"x").expect("added");
    }
    let blocks = body.state.lock().blocks.len();
    assert!(blocks <= 3, "{blocks}");
    body.finish();
    assert_eq!(all(&mut Reader::new(&body)).await.map(|all| all.len()), Ok(200_000));
}

#[test]
fn there_is_no_room_for_more_than_all_bodies_may_take() {
    let room = Room::new(1000);
    let one = Body::new(room.clone(), 10_000);
    let _reader = Reader::new(&one);
    assert_eq!(one.add(&[1; 900]), Ok(false));
    let other = Body::new(room.clone(), 10_000);
    let _other = Reader::new(&other);
    assert_eq!(other.add(&[1; 200]), Ok(true), "passed on, not kept");
    drop(one);
    drop(_reader);
    assert!(room.has(700));
}
