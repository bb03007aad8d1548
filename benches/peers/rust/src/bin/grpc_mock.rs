//! The gRPC twin of the upstream mock: a tonic server, plaintext HTTP/2, over the same data. Answers are encoded when it
//! starts, so that it stays far cheaper than any server under test.
//!
//! usage: grpc_mock DATA_DIR PORT [DELAY_MS]
//!   PORT     answers at once
//!   PORT+1   answers DELAY_MS (default 5) later
//!   PORT+2   GET anything: counts since start, under the names of the REST mock's /__stats
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType};
use prost::{DecodeError, Message};
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

mod proto {
    #![allow(dead_code, reason = "generated: the mock needs the server alone")]
    include!(concat!(env!("OUT_DIR"), "/mock/bench.blog.v1.rs"));
}
use proto::blog_server::{Blog, BlogServer};

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands for the message of an answer: its bytes, ready.
#[derive(Debug, Default, Clone)]
pub struct Encoded(Bytes);

impl Message for Encoded {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }
    fn encoded_len(&self) -> usize {
        self.0.len()
    }
    fn clear(&mut self) {
        self.0.clear();
    }
    fn merge_field(&mut self, _: u32, _: WireType, _: &mut impl Buf, _: DecodeContext) -> Result<(), DecodeError> {
        unreachable!("the mock only sends these")
    }
}

#[derive(Deserialize)]
struct Post {
    id: i32,
    #[serde(rename = "userId")]
    user_id: i32,
    title: String,
    body: String,
}
#[derive(Deserialize)]
struct User {
    id: i32,
    name: String,
    username: String,
    email: String,
    address: Address,
    phone: String,
    website: String,
    company: Company,
}
#[derive(Deserialize)]
struct Address {
    street: String,
    suite: String,
    city: String,
    zipcode: String,
    geo: Geo,
}
#[derive(Deserialize)]
struct Geo {
    lat: String,
    lng: String,
}
#[derive(Deserialize)]
struct Company {
    name: String,
    #[serde(rename = "catchPhrase")]
    catch_phrase: String,
    bs: String,
}
impl From<Post> for proto::Post {
    fn from(p: Post) -> Self {
        Self { id: p.id, user_id: p.user_id, title: p.title, body: p.body }
    }
}
impl From<User> for proto::User {
    fn from(u: User) -> Self {
        let (a, c) = (u.address, u.company);
        let geo = Some(proto::Geo { lat: a.geo.lat, lng: a.geo.lng });
        Self {
            id: u.id, name: u.name, username: u.username, email: u.email,
            address: Some(proto::Address { street: a.street, suite: a.suite, city: a.city, zipcode: a.zipcode, geo }),
            phone: u.phone, website: u.website,
            company: Some(proto::Company { name: c.name, catch_phrase: c.catch_phrase, bs: c.bs }),
        }
    }
}

/// Element of the list that is field 1 of both answers: a list is its elements, one after the other.
fn element(message: &impl Message) -> Bytes {
    let mut buf = BytesMut::new();
    prost::encoding::message::encode(1, message, &mut buf);
    buf.freeze()
}

const NAMES: [&str; 7] = ["posts", "post", "users", "user", "batch", "batch_ids", "conns"];
struct State {
    posts: Encoded,
    users: Vec<Bytes>,
    c: [AtomicU64; 7],
}
struct Service {
    st: &'static State,
    delay: Duration,
}
impl Service {
    async fn late(&self) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }
}

#[tonic::async_trait]
impl Blog for Service {
    async fn list_posts(&self, _: Request<proto::ListPostsRequest>) -> Result<Response<Encoded>, Status> {
        self.late().await;
        self.st.c[0].fetch_add(1, Relaxed);
        Ok(Response::new(self.st.posts.clone()))
    }
    async fn batch_get_users(&self, r: Request<proto::BatchGetUsersRequest>) -> Result<Response<Encoded>, Status> {
        self.late().await;
        let ids = r.into_inner().ids;
        self.st.c[4].fetch_add(1, Relaxed);
        self.st.c[5].fetch_add(ids.len() as u64, Relaxed);
        let mut buf = BytesMut::with_capacity(8192);
        for (user, id) in self.st.users.iter().zip(1..) {
            if ids.contains(&id) {
                buf.put_slice(user);
            }
        }
        Ok(Response::new(Encoded(buf.freeze())))
    }
}

async fn serve(port: u16, st: &'static State, delay: Duration) {
    let l = TcpIncoming::bind(([127, 0, 0, 1], port).into()).expect("bind").with_nodelay(Some(true));
    let counted = l.map(|s| {
        st.c[6].fetch_add(1, Relaxed);
        s
    });
    let service = BlogServer::new(Service { st, delay });
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(counted).await.expect("serve")
}

/// Enough HTTP for one GET on each connection.
async fn stats(port: u16, st: &'static State) {
    let l = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    while let Ok((mut s, _)) = l.accept().await {
        st.c[6].fetch_add(1, Relaxed);
        tokio::spawn(async move {
            let mut buf = Vec::new();
            while memchr::memmem::find(&buf, b"\r\n\r\n").is_none() {
                if s.read_buf(&mut buf).await? == 0 {
                    return Ok(());
                }
            }
            let counts: Vec<String> = (0..7).map(|i| format!("\"{}\":{}", NAMES[i], st.c[i].load(Relaxed))).collect();
            let body = format!("{{{}}}", counts.join(","));
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            s.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
        });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let port: u16 = a[2].parse().unwrap();
    let delay: u64 = a.get(3).map_or(5, |s| s.parse().unwrap());
    let read = |name: &str| std::fs::read(format!("{}/{name}.json", a[1])).unwrap();
    let posts: Vec<Post> = serde_json::from_slice(&read("posts")).unwrap();
    let users: Vec<User> = serde_json::from_slice(&read("users")).unwrap();
    let posts: Vec<Bytes> = posts.into_iter().map(|p| element(&proto::Post::from(p))).collect();
    let st: &'static State = Box::leak(Box::new(State {
        posts: Encoded(posts.concat().into()),
        users: users.into_iter().map(|u| element(&proto::User::from(u))).collect(),
        c: Default::default(),
    }));
    tokio::spawn(serve(port + 1, st, Duration::from_millis(delay)));
    tokio::spawn(stats(port + 2, st));
    serve(port, st, Duration::ZERO).await
}
