//! Values in the place of missing ones, such as `or vector(0)`: a panel may show them, and they are no readings.

use promql_parser::parser::{BinaryExpr, Expr, token};

use super::{children, peel};

/// The expression without the alternatives that need no samples, and the first of these.
pub(super) fn taken_off(expression: &Expr) -> (Expr, Option<String>) {
    let (mut own, mut default) = (expression.clone(), None);
    take_off(&mut own, &mut default);
    (own, default)
}

fn take_off(expression: &mut Expr, default: &mut Option<String>) {
    while let Expr::Binary(BinaryExpr { op, lhs, rhs, .. }) = expression
        && op.id() == token::T_LOR
    {
        let (kept, dropped) = match (is_default(lhs), is_default(rhs)) {
            (false, true) => (lhs, rhs),
            (true, false) => (rhs, lhs),
            (false, false) | (true, true) => break,
        };
        default.get_or_insert_with(|| peel(dropped).to_string());
        let kept = (**kept).clone();
        *expression = kept;
    }
    match expression {
        Expr::Aggregate(aggregate) => take_off(&mut aggregate.expr, default),
        Expr::Unary(unary) => take_off(&mut unary.expr, default),
        Expr::Binary(binary) => {
            take_off(&mut binary.lhs, default);
            // What a condition takes for a missing value is no part of the value.
            if !is_condition(binary) {
                take_off(&mut binary.rhs, default);
            }
        }
        Expr::Paren(paren) => take_off(&mut paren.expr, default),
        Expr::Subquery(subquery) => take_off(&mut subquery.expr, default),
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| take_off(argument, default)),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
}

/// Whether an expression has its value whatever is scraped: a literal, `absent(x) - 1`, `up * 0`.
fn is_default(expression: &Expr) -> bool {
    match expression {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) | Expr::Extension(_) => false,
        Expr::Binary(binary)
            if binary.op.id() == token::T_MUL && (is_zero(&binary.lhs) || is_zero(&binary.rhs)) =>
        {
            true
        }
        Expr::Binary(binary) if is_condition(binary) => is_default(&binary.lhs),
        call if is_absent_call(call) => true,
        other => children(other).into_iter().all(is_default),
    }
}

/// Whether what an expression says is that something is missing.
pub(super) fn tells_of_absence(expression: &Expr) -> bool {
    match expression {
        Expr::Binary(binary) if is_condition(binary) => tells_of_absence(&binary.lhs),
        other => is_absent_call(other) || children(other).into_iter().any(tells_of_absence),
    }
}

pub(super) fn is_absent_call(expression: &Expr) -> bool {
    matches!(expression, Expr::Call(call) if ["absent", "absent_over_time"].contains(&call.func.name))
}

/// Whether the right side only says which values of the left are there.
fn is_condition(binary: &BinaryExpr) -> bool {
    [token::T_LAND, token::T_LUNLESS].contains(&binary.op.id())
}

fn is_zero(expression: &Expr) -> bool {
    matches!(peel(expression), Expr::NumberLiteral(number) if number.val == 0.0)
}
