//! The yardstick of G1: what Q1 over gRPC costs without GraphQL machinery. axum in front, tonic and generated code behind:
//! two unary calls, join, answer.
//! usage: limit_grpc PORT UPSTREAM
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashMap};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

mod proto {
    include!(concat!(env!("OUT_DIR"), "/client/bench.blog.v1.rs"));
}
use proto::{blog_client::BlogClient, BatchGetUsersRequest, ListPostsRequest, Post, User};

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Deserialize)]
struct Req<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
}
#[derive(Serialize)]
struct Data<'a> {
    data: Posts<'a>,
}
#[derive(Serialize)]
struct Posts<'a> {
    posts: Vec<Out<'a>>,
}
#[derive(Serialize)]
struct Out<'a> {
    id: i32,
    #[serde(rename = "userId")]
    user_id: i32,
    title: &'a str,
    user: Option<OutU<'a>>,
}
#[derive(Serialize)]
struct OutU<'a> {
    id: i32,
    name: &'a str,
    email: &'a str,
}

async fn answer(mut blog: BlogClient<Channel>, body: &[u8]) -> Bytes {
    let req: Req = serde_json::from_slice(body).unwrap();
    assert!(req.query.contains("posts"));
    let posts = blog.list_posts(ListPostsRequest {}).await.unwrap().into_inner().posts;
    let mut ids: Vec<i32> = Vec::with_capacity(16);
    for p in &posts {
        if !ids.contains(&p.user_id) {
            ids.push(p.user_id);
        }
    }
    let users = blog.batch_get_users(BatchGetUsersRequest { ids }).await.unwrap().into_inner().users;
    serde_json::to_vec(&join(&posts, &users)).unwrap().into()
}

fn join<'a>(p: &'a [Post], u: &'a [User]) -> Data<'a> {
    let by: HashMap<i32, &User> = u.iter().map(|u| (u.id, u)).collect();
    Data { data: Posts { posts: p.iter().map(|p| Out {
        id: p.id, user_id: p.user_id, title: &p.title,
        user: by.get(&p.user_id).map(|u| OutU { id: u.id, name: &u.name, email: &u.email }),
    }).collect() } }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let blog = BlogClient::new(Endpoint::new(a[2].clone()).unwrap().tcp_nodelay(true).connect_lazy());
    let l = TcpListener::bind(format!("127.0.0.1:{}", a[1])).await.unwrap();
    let r = axum::Router::new().route("/graphql", axum::routing::post(move |b: Bytes| async move {
        ([("content-type", "application/json")], answer(blog, &b).await)
    }));
    axum::serve(axum::serve::ListenerExt::tap_io(l, |s| { let _ = s.set_nodelay(true); }), r).await.unwrap();
}
