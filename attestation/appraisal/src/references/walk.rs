//! The way through a policy's tree.

use super::*;

impl Look {
    pub(super) fn import(&mut self, import: &Import) -> Checked {
        let (root, steps) = flat(&import.refr);
        let path = names(&steps);
        let root = root.span().text();
        let policy = match (root, path.as_slice()) {
            ("rego", ["v1"]) | ("future", ["keywords", ..]) => return Ok(()),
            _ if self.names != Names::Shipped => {
                let named = written(&joined(root, &steps));
                return fault(&import.span, PolicyFault::NothingToImport { named });
            }
            ("data", ["cloister", policy]) => *policy,
            ("data", [first, ..]) if *first != "cloister" => {
                return self.no_such_policy(&import.span, &joined(root, &steps));
            }
            _ => {
                let named = written(&joined(root, &steps));
                return fault(&import.span, PolicyFault::Import { named });
            }
        };
        self.policy(&import.span, policy)?;
        let name = match &import.r#as {
            Some(name) => name.text(),
            None => policy,
        };
        let taken = self.imports.contains_key(name) || self.own.contains_key(name);
        if taken || matches!(name, "data" | "input") {
            let named = written(name);
            return fault(&import.span, PolicyFault::Shadowed { named });
        }
        self.imports.insert(name.to_owned(), policy.to_owned());
        Ok(())
    }

    pub(super) fn rule(&mut self, rule: &Ref<Rule>) -> Checked {
        let (refr, _) = head(rule);
        let (root, steps) = flat(refr);
        let name = root.span().text();
        self.rule = name.to_owned();
        let line = root.span().line;
        let needs = || (line, BTreeSet::new());
        self.found
            .needs
            .entry(name.to_owned())
            .or_insert_with(needs);
        self.locals = locals::of(rule);
        self.steps(&steps)?;
        match rule.as_ref() {
            Rule::Default { args, value, .. } => {
                self.every(args)?;
                self.expr(value)
            }
            Rule::Spec { head, bodies, .. } => {
                self.head(head)?;
                bodies.iter().try_for_each(|body| self.body(body))
            }
        }
    }

    fn head(&mut self, head: &RuleHead) -> Checked {
        match head {
            RuleHead::Compr { assign, .. } => self.maybe(assign.as_ref().map(|one| &one.value)),
            RuleHead::Set { key, .. } => self.maybe(key.as_ref()),
            RuleHead::Func { args, assign, .. } => {
                self.every(args)?;
                self.maybe(assign.as_ref().map(|one| &one.value))
            }
        }
    }

    fn body(&mut self, body: &RuleBody) -> Checked {
        self.maybe(body.assign.as_ref().map(|one| &one.value))?;
        self.query(&body.query)
    }

    fn query(&mut self, query: &Query) -> Checked {
        for statement in &query.stmts {
            self.literal(&statement.literal)?;
            for with in &statement.with_mods {
                let (root, steps) = flat(&with.refr);
                if root.span().text() != "input" {
                    let target = written(&joined(root.span().text(), &steps));
                    return fault(&with.span, PolicyFault::With { target });
                }
                self.expr(&with.r#as)?;
            }
        }
        Ok(())
    }

    fn literal(&mut self, literal: &Literal) -> Checked {
        match literal {
            Literal::SomeVars { vars, .. } => vars.iter().try_for_each(|var| self.declared(var)),
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                self.maybe(key.as_ref())?;
                self.every([value, collection])
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
            Literal::Every {
                key,
                value,
                domain,
                query,
                ..
            } => {
                key.iter()
                    .chain([value])
                    .try_for_each(|var| self.declared(var))?;
                self.expr(domain)?;
                self.query(query)
            }
        }
    }

    /// A name that a line makes its own.
    fn declared(&self, var: &Span) -> Checked {
        let name = var.text();
        if self.imports.contains_key(name) || matches!(name, "data" | "input") {
            return shadowed(var);
        }
        Ok(())
    }

    fn maybe(&mut self, expr: Option<&Ref<Expr>>) -> Checked {
        self.every(expr)
    }

    fn every<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Ref<Expr>>) -> Checked {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn steps(&mut self, steps: &[Step<'_>]) -> Checked {
        for step in steps {
            if let Step::Computed(index) = step {
                self.expr(index)?;
            }
        }
        Ok(())
    }

    pub(super) fn expr(&mut self, expr: &Ref<Expr>) -> Checked {
        match expr.as_ref() {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => Ok(()),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                self.reference(expr, false)
            }
            Expr::Call { fcn, params, .. } => {
                self.reference(fcn, true)?;
                self.every(params)
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.every(items),
            Expr::Object { fields, .. } => {
                let parts = fields.iter().flat_map(|(_, key, value)| [key, value]);
                self.every(parts)
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term)?;
                self.query(query)
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.every([key, value])?;
                self.query(query)
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::ArithExpr {
                op: ArithOp::Mul,
                lhs,
                rhs,
                span,
                ..
            } if !is_number(lhs) && !is_number(rhs) => fault(span, PolicyFault::Product),
            Expr::ArithExpr {
                op: ArithOp::Sub,
                lhs,
                rhs,
                span,
                ..
            } if !self.makes_a_number(lhs) && !self.makes_a_number(rhs) => {
                fault(span, PolicyFault::Difference)
            }
            Expr::BinExpr { span, .. } => fault(span, PolicyFault::OfSets),
            Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.every([lhs, rhs]),
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                self.maybe(key.as_ref())?;
                self.every([value, collection])
            }
        }
    }
}

impl Look {
    /// Whether a value is a number whatever comes in: `-` alone is of sets too.
    fn makes_a_number(&self, expr: &Ref<Expr>) -> bool {
        match expr.as_ref() {
            Expr::Number { .. } => true,
            Expr::ArithExpr { op, lhs, rhs, .. } => {
                !matches!(op, ArithOp::Sub) || self.makes_a_number(lhs) || self.makes_a_number(rhs)
            }
            Expr::Call { fcn, .. } => {
                let name = fcn.span().text();
                NUMBERS.contains(&name) && !self.own.contains_key(name)
            }
            _ => false,
        }
    }
}

fn shadowed(span: &Span) -> Checked {
    let named = written(span.text());
    fault(span, PolicyFault::Shadowed { named })
}

/// Functions that make numbers and nothing else.
const NUMBERS: [&str; 8] = [
    "abs",
    "ceil",
    "count",
    "floor",
    "indexof",
    "round",
    "sum",
    "to_number",
];

fn is_number(expr: &Ref<Expr>) -> bool {
    matches!(expr.as_ref(), Expr::Number { .. })
}
