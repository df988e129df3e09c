//! The names that a rule makes its own: its arguments, and what its lines declare.

use super::*;

/// The names that are declared anywhere in a rule.
pub(super) fn of(rule: &Rule) -> BTreeSet<String> {
    let mut names = Locals(BTreeSet::new());
    match rule {
        Rule::Default { args, value, .. } => {
            args.iter().for_each(|arg| names.pattern(arg));
            names.expr(value);
        }
        Rule::Spec { head, bodies, .. } => {
            names.head(head);
            for body in bodies {
                names.maybe(body.assign.as_ref().map(|assign| &assign.value));
                names.query(&body.query);
            }
        }
    }
    names.0
}

struct Locals(BTreeSet<String>);

impl Locals {
    fn head(&mut self, head: &RuleHead) {
        match head {
            RuleHead::Compr { assign, .. } => {
                self.maybe(assign.as_ref().map(|assign| &assign.value));
            }
            RuleHead::Set { key, .. } => self.maybe(key.as_ref()),
            RuleHead::Func { args, assign, .. } => {
                args.iter().for_each(|arg| self.pattern(arg));
                self.maybe(assign.as_ref().map(|assign| &assign.value));
            }
        }
    }

    fn maybe(&mut self, expr: Option<&Ref<Expr>>) {
        expr.into_iter().for_each(|expr| self.expr(expr));
    }

    fn declare(&mut self, span: &Span) {
        self.0.insert(span.text().to_owned());
    }

    fn query(&mut self, query: &Query) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::SomeVars { vars, .. } => vars.iter().for_each(|var| self.declare(var)),
                Literal::SomeIn {
                    key,
                    value,
                    collection,
                    ..
                } => {
                    key.iter().chain([value]).for_each(|one| self.pattern(one));
                    self.expr(collection);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every {
                    key,
                    value,
                    domain,
                    query,
                    ..
                } => {
                    key.iter().chain([value]).for_each(|one| self.declare(one));
                    self.expr(domain);
                    self.query(query);
                }
            }
            statement
                .with_mods
                .iter()
                .for_each(|with| self.expr(&with.r#as));
        }
    }

    /// What stands where names are declared.
    fn pattern(&mut self, expr: &Ref<Expr>) {
        match expr.as_ref() {
            Expr::Var { span, .. } => self.declare(span),
            Expr::Array { items, .. } => items.iter().for_each(|item| self.pattern(item)),
            Expr::Object { fields, .. } => {
                fields.iter().for_each(|(_, _, value)| self.pattern(value));
            }
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Ref<Expr>) {
        match expr.as_ref() {
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if *op == AssignOp::ColEq {
                    self.pattern(lhs);
                }
                self.expr(rhs);
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term);
                self.query(query);
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.expr(key);
                self.expr(value);
                self.query(query);
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().for_each(|item| self.expr(item));
            }
            Expr::Object { fields, .. } => fields.iter().for_each(|(_, key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            Expr::Call { params, .. } => params.iter().for_each(|one| self.expr(one)),
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            Expr::Membership {
                value, collection, ..
            } => {
                self.expr(value);
                self.expr(collection);
            }
            _ => {}
        }
    }
}
