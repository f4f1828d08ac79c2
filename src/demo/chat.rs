//! What is said: the message objects of both directions.

use serde_json::{Value, json};

use crate::clock::Timestamp;

/// One exchange: what the user said and what the backend answers.
pub(super) struct Exchange {
    user: String,
    text: String,
    answer: String,
}

/// Why a message could not be understood; the text goes to the client as the Cat's raw exception
/// text would.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misread {
    #[error("message must be a JSON object")]
    NotAnObject,
    #[error("text must be a string")]
    NoText,
}

impl Exchange {
    /// Reads a message and thinks of an answer. `text` counts, or its old name `message`; a
    /// `user_id` in it is ignored in favour of the authenticated `user`.
    pub(super) fn read(user: &str, message: &Value) -> Result<Self, Misread> {
        let fields = message.as_object().ok_or(Misread::NotAnObject)?;
        let text = fields.get("text").or_else(|| fields.get("message"));
        let text = text.and_then(Value::as_str).ok_or(Misread::NoText)?;
        Ok(Self {
            user: user.to_owned(),
            text: text.to_owned(),
            answer: format!("Hello {user}, you said: {text}"),
        })
    }

    /// The pieces of the answer, each a `chat_token` frame; the last one is empty.
    pub(super) fn tokens(&self) -> impl Iterator<Item = String> + '_ {
        self.answer
            .split_inclusive(' ')
            .chain(std::iter::once(""))
            .map(|piece| json!({"type": "chat_token", "content": piece}).to_string())
    }

    /// The `chat` object that ends the answer, with the whole story of how it came about and an
    /// embedding of so many numbers.
    pub(super) fn chat(&self, embedding: u32, now: Timestamp) -> Value {
        json!({
            "user_id": self.user,
            "when": seconds(now),
            "who": "AI",
            "text": self.answer,
            "image": null,
            "audio": null,
            "type": "chat",
            "why": {
                "input": self.text,
                "intermediate_steps": [],
                "memory": {"episodic": [], "declarative": [], "procedural": []},
                "model_interactions": [{
                    "model_type": "embedder",
                    "source": "recall",
                    "prompt": self.text,
                    "input_tokens": self.text.split_whitespace().count(),
                    "started_at": seconds(now),
                    "ended_at": seconds(now),
                    "reply": numbers(&self.text, embedding),
                }],
                "agent_output": {"output": self.answer, "intermediate_steps": []},
            },
            "content": self.answer,
        })
    }
}

/// An `error` frame.
pub(super) fn error(misread: &Misread) -> String {
    json!({"type": "error", "name": "GenericError", "description": misread.to_string()}).to_string()
}

/// A `notification` frame.
pub(super) fn notification(content: &str) -> String {
    json!({"type": "notification", "content": content}).to_string()
}

/// The Cat's floating-point seconds.
fn seconds(time: Timestamp) -> f64 {
    std::time::Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0)).as_secs_f64()
}

/// Numbers that look like an embedding and depend on the text.
fn numbers(text: &str, count: u32) -> Vec<f64> {
    let seed = crc32fast::hash(text.as_bytes());
    (0..count)
        .map(|index| f64::from(seed.wrapping_add(index)).sin())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_a_trivial_answer_is_about_ten_kilobytes() {
        let exchange = Exchange::read("alice", &json!({"text": "hi"})).unwrap();
        let size = exchange
            .chat(512, Timestamp::from_secs(1))
            .to_string()
            .len();
        assert!((9_000..13_000).contains(&size), "{size}");
    }

    #[test]
    fn the_tokens_together_are_the_answer() {
        let exchange = Exchange::read("alice", &json!({"text": "how are you"})).unwrap();
        let pieces = exchange.tokens().map(|frame| {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            frame["content"].as_str().unwrap().to_owned()
        });
        assert_eq!(pieces.collect::<String>(), exchange.answer);
    }

    #[test]
    fn a_user_id_inside_the_message_is_ignored() {
        let message = json!({"message": "hi", "user_id": "bob"});
        let exchange = Exchange::read("alice", &message).unwrap();
        assert_eq!(
            exchange.chat(512, Timestamp::from_secs(1))["user_id"],
            "alice"
        );
    }

    #[test]
    fn what_has_no_text_is_misread() {
        assert!(matches!(
            Exchange::read("a", &json!([1])),
            Err(Misread::NotAnObject)
        ));
        assert!(matches!(
            Exchange::read("a", &json!({})),
            Err(Misread::NoText)
        ));
        assert!(matches!(
            Exchange::read("a", &json!({"text": null})),
            Err(Misread::NoText)
        ));
    }
}
