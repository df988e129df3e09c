//! The OpenAPI document, read: for tests that go through every operation.

use serde_json::Value;

/// The document.
pub struct Description(Value);

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Described {
    /// `GET`.
    pub method: String,
    /// With names between braces.
    pub path: String,
    /// Its name.
    pub id: String,
    /// The right that it needs.
    pub action: Option<String>,
    /// Who has that.
    pub roles: Vec<String>,
    /// By which schemes one shows who one is.
    pub security: Vec<String>,
    /// Whether it takes a body.
    pub takes: bool,
    request: Value,
    responses: Value,
}

impl Description {
    /// That of the service.
    pub fn of_the_service() -> Self {
        Self(serde_json::from_str(crate::openapi()).unwrap())
    }

    /// Every operation.
    pub fn operations(&self) -> Vec<Described> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().iter();
            let all: Vec<_> = methods
                .map(|(method, said)| Described::read(path, method, said))
                .collect();
            all
        };
        paths.flat_map(of_path).collect()
    }

    /// The operation of a path in use: the one with the fewest names between braces, as the router takes it.
    pub fn find(&self, method: &str, path: &str) -> Option<Described> {
        let all = self.operations().into_iter();
        all.filter(|operation| operation.method == method && operation.is_at(path))
            .min_by_key(|operation| operation.parameters().len())
    }

    /// What is wrong with an answer, if anything is.
    pub fn fault(&self, operation: &Described, status: u16, body: &[u8]) -> Option<String> {
        let Some(said) = operation.responses.get(status.to_string()) else {
            return Some(format!("{status} is not described"));
        };
        let content = self.resolve(said)["content"].as_object().unwrap();
        let (media, said) = content.iter().next().unwrap();
        match media.as_str() {
            "application/json" => match serde_json::from_slice(body) {
                Ok(found) => self.differs(&said["schema"], &found, "answer"),
                Err(error) => Some(error.to_string()),
            },
            _ => None,
        }
    }

    /// What is wrong with a request's body, if anything is.
    pub fn fault_of_request(&self, operation: &Described, body: &[u8]) -> Option<String> {
        let said = operation.request.get("application/json")?;
        match serde_json::from_slice(body) {
            Ok(found) => self.differs(&said["schema"], &found, "request"),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The schema of this name.
    pub fn schema(&self, name: &str) -> &Value {
        &self.0["components"]["schemas"][name]
    }

    fn resolve<'a>(&'a self, said: &'a Value) -> &'a Value {
        match said.get("$ref").and_then(Value::as_str) {
            Some(place) => {
                let found = self.0.pointer(place.strip_prefix('#').unwrap());
                found.unwrap_or_else(|| panic!("{place} is nowhere"))
            }
            None => said,
        }
    }

    /// Why a value is not of a schema. Patterns are left to whoever has a library for them.
    pub fn differs(&self, schema: &Value, found: &Value, place: &str) -> Option<String> {
        let schema = self.resolve(schema).as_object().unwrap();
        schema.iter().find_map(|(keyword, said)| {
            let right = match keyword.as_str() {
                "type" => is_of_type(said, found),
                "const" => said == found,
                "enum" => said.as_array().unwrap().contains(found),
                "minimum" => found.as_f64().is_none() || found.as_f64() >= said.as_f64(),
                "maximum" => found.as_f64().is_none() || found.as_f64() <= said.as_f64(),
                "minLength" => length(found).is_none_or(|length| length >= said.as_u64().unwrap()),
                "maxLength" => length(found).is_none_or(|length| length <= said.as_u64().unwrap()),
                "minItems" => items(found).is_none() || items(found) >= said.as_u64(),
                "maxItems" => items(found) <= said.as_u64(),
                "required" => said
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| found.get(name.as_str().unwrap()).is_some()),
                "properties" => return self.members_differ(said, found, place),
                "additionalProperties" => return self.others_differ(schema, said, found, place),
                "items" => return self.items_differ(said, found, place),
                "oneOf" => return self.none_fits(said, found, place),
                "description" | "examples" | "example" | "pattern" | "contentMediaType" => true,
                _ => panic!("no test looks at the keyword {keyword}"),
            };
            (!right).then(|| format!("{place}: {found} is not of {keyword} {said}"))
        })
    }

    fn members_differ(&self, said: &Value, found: &Value, place: &str) -> Option<String> {
        said.as_object().unwrap().iter().find_map(|(name, schema)| {
            let member = found.get(name)?;
            self.differs(schema, member, &format!("{place}.{name}"))
        })
    }

    fn others_differ(
        &self,
        schema: &serde_json::Map<String, Value>,
        said: &Value,
        found: &Value,
        place: &str,
    ) -> Option<String> {
        let known = schema.get("properties");
        let is_known = |name: &str| known.is_some_and(|known| known.get(name).is_some());
        let mut others = found
            .as_object()?
            .iter()
            .filter(|(name, _)| !is_known(name));
        match said {
            Value::Bool(false) => others
                .next()
                .map(|(name, _)| format!("{place}: nothing says {name}")),
            schema => {
                others.find_map(|(name, one)| self.differs(schema, one, &format!("{place}.{name}")))
            }
        }
    }

    fn items_differ(&self, said: &Value, found: &Value, place: &str) -> Option<String> {
        let items = found.as_array()?.iter().enumerate();
        items
            .into_iter()
            .find_map(|(index, one)| self.differs(said, one, &format!("{place}[{index}]")))
    }

    fn none_fits(&self, said: &Value, found: &Value, place: &str) -> Option<String> {
        let each = said.as_array().unwrap().iter();
        let faults: Vec<_> = each.map(|one| self.differs(one, found, place)).collect();
        match faults.iter().filter(|fault| fault.is_none()).count() {
            1 => None,
            0 => Some(
                faults
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; or "),
            ),
            many => Some(format!("{place}: {many} of the schemas fit")),
        }
    }
}

impl Described {
    fn read(path: &str, method: &str, said: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(text)
                .collect()
        };
        let security = said["security"].as_array().unwrap().iter();
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            id: text(&said["operationId"]).unwrap(),
            action: text(&said["x-cloister-action"]),
            roles: texts(&said["x-cloister-roles"]),
            security: security
                .flat_map(|one| one.as_object().unwrap().keys().cloned())
                .collect(),
            takes: said.get("requestBody").is_some(),
            request: said["requestBody"]["content"].clone(),
            responses: said["responses"].clone(),
        }
    }

    /// The names between braces.
    pub fn parameters(&self) -> Vec<&str> {
        let pieces = self.path.split('{').skip(1);
        pieces.filter_map(|piece| piece.split('}').next()).collect()
    }

    /// Its path with a value for each of them.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let mut path = self.path.clone();
        for name in self.parameters() {
            path = path.replace(&format!("{{{name}}}"), &value(name));
        }
        path
    }

    fn is_at(&self, path: &str) -> bool {
        let path = path.split('?').next().unwrap();
        let (own, other): (Vec<_>, Vec<_>) =
            (self.path.split('/').collect(), path.split('/').collect());
        let fits = |(own, other): (&&str, &&str)| {
            own == other || own.starts_with('{') && !other.is_empty()
        };
        own.len() == other.len() && own.iter().zip(&other).all(fits)
    }
}

fn is_of_type(said: &Value, found: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => found.is_null(),
        "boolean" => found.is_boolean(),
        "integer" => found.is_u64() || found.is_i64(),
        "string" => found.is_string(),
        "array" => found.is_array(),
        "object" => found.is_object(),
        name => panic!("no test looks at the type {name}"),
    };
    match said {
        Value::Array(any) => any.iter().any(is),
        one => is(one),
    }
}

fn length(found: &Value) -> Option<u64> {
    let length = found.as_str()?.chars().count();
    u64::try_from(length).ok()
}

fn items(found: &Value) -> Option<u64> {
    u64::try_from(found.as_array()?.len()).ok()
}
