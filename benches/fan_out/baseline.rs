//! The server that one would write by hand with actix-web-actors: an actor per connection, a topic that sends every
//! message to each of them. It keeps no history and orders nothing beyond the topic's mailbox.

#![allow(deprecated, reason = "actix-web-actors is what is measured")]

use std::collections::HashMap;
use std::net::SocketAddr;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Running, StreamHandler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytestring::ByteString;

#[derive(Clone, Message)]
#[rtype(result = "()")]
struct Deliver(ByteString);

#[derive(Message)]
#[rtype(result = "()")]
struct Join(usize, Addr<Connection>);

#[derive(Message)]
#[rtype(result = "()")]
struct Leave(usize);

#[derive(Default)]
struct Topic(HashMap<usize, Addr<Connection>>);

impl Actor for Topic {
    type Context = Context<Self>;
}

impl Handler<Join> for Topic {
    type Result = ();

    fn handle(&mut self, Join(id, connection): Join, _: &mut Self::Context) {
        self.0.insert(id, connection);
    }
}

impl Handler<Leave> for Topic {
    type Result = ();

    fn handle(&mut self, Leave(id): Leave, _: &mut Self::Context) {
        self.0.remove(&id);
    }
}

impl Handler<Deliver> for Topic {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        for connection in self.0.values() {
            connection.do_send(deliver.clone());
        }
    }
}

struct Connection {
    id: usize,
    topic: Addr<Topic>,
}

impl Actor for Connection {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.topic.do_send(Join(self.id, ctx.address()));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.topic.do_send(Leave(self.id));
        Running::Stop
    }
}

impl Handler<Deliver> for Connection {
    type Result = ();

    fn handle(&mut self, Deliver(text): Deliver, ctx: &mut Self::Context) {
        ctx.text(text);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Connection {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Text(text)) => self.topic.do_send(Deliver(text)),
            Ok(ws::Message::Ping(payload)) => ctx.pong(&payload),
            Ok(ws::Message::Close(reason)) => ctx.close(reason),
            _ => {}
        }
    }
}

async fn open(
    request: HttpRequest,
    stream: web::Payload,
    topic: web::Data<Addr<Topic>>,
) -> actix_web::Result<HttpResponse> {
    let id = fastrand::usize(..);
    ws::start(Connection { id, topic: topic.get_ref().clone() }, &request, stream)
}

/// Serves until it is killed.
pub fn serve(address: SocketAddr) {
    actix_rt::System::new().block_on(async {
        let topic = Topic::default().start();
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::new(topic.clone())).route("/v1/ws", web::get().to(open))
        });
        let server = server.workers(1).bind(address).expect("a free port");
        server.run().await.expect("it is killed, it does not fail");
    });
}
