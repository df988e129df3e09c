//! Which events of one register correspond to which of another log: those of the same digest, in the
//! longest run that keeps their order.

/// Larger problems are not solved but told as wholly different between what they begin and end with alike.
const MOST_CELLS: usize = 4 << 20;

/// A step from one sequence to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Both have it: places in the first and second.
    Both(usize, usize),
    /// Only the first has it.
    First(usize),
    /// Only the second has it.
    Second(usize),
}

/// The steps from one sequence to another.
pub(crate) fn steps<T: PartialEq>(a: &[T], b: &[T]) -> Vec<Step> {
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let ends = a[start..].iter().rev().zip(b[start..].iter().rev());
    let end = ends.take_while(|(a, b)| a == b).count();
    let (middle_a, middle_b) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    let mut steps: Vec<Step> = (0..start).map(|index| Step::Both(index, index)).collect();
    steps.extend(
        middle(middle_a, middle_b)
            .into_iter()
            .map(|step| match step {
                Step::Both(a, b) => Step::Both(a + start, b + start),
                Step::First(a) => Step::First(a + start),
                Step::Second(b) => Step::Second(b + start),
            }),
    );
    let tails = (a.len() - end..a.len()).zip(b.len() - end..b.len());
    steps.extend(tails.map(|(a, b)| Step::Both(a, b)));
    steps
}

fn middle<T: PartialEq>(a: &[T], b: &[T]) -> Vec<Step> {
    let width = b.len() + 1;
    let cells = (a.len() + 1).saturating_mul(width);
    if cells > MOST_CELLS {
        let first = (0..a.len()).map(Step::First);
        return first.chain((0..b.len()).map(Step::Second)).collect();
    }
    // Length of the longest common run of what is left from here on.
    let mut longest = vec![0u32; cells];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut steps) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            steps.push(Step::Both(i, j));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || i < a.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            steps.push(Step::First(i));
            i += 1;
        } else {
            steps.push(Step::Second(j));
            j += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Both, First, Second};

    #[test]
    fn what_both_have_in_order_stays_and_the_rest_is_of_one_side() {
        assert_eq!(
            steps(b"abxcd", b"abycd"),
            [
                Both(0, 0),
                Both(1, 1),
                First(2),
                Second(2),
                Both(3, 3),
                Both(4, 4)
            ]
        );
        assert_eq!(steps(b"ab", b"aab"), [Both(0, 0), Second(1), Both(1, 2)]);
        assert_eq!(steps(b"", b"a"), [Second(0)]);
        assert_eq!(steps::<u8>(b"", b""), []);
        let moved = steps(b"xabcde", b"abcdex");
        let both = moved.iter().filter(|step| matches!(step, Both(..)));
        assert_eq!(both.count(), 5);
    }

    #[test]
    fn sequences_too_long_to_align_are_told_as_different_between_equal_ends() {
        let a: Vec<u32> = (0..3000).collect();
        let b: Vec<u32> = [0]
            .into_iter()
            .chain(10_000..12_998)
            .chain([2999])
            .collect();
        let steps = steps(&a, &b);
        assert_eq!(
            (steps[0], steps.last()),
            (Both(0, 0), Some(&Both(2999, 2999)))
        );
        assert_eq!(steps[1], First(1));
        assert_eq!(steps.len(), 2 + 2 * 2998);
    }
}
