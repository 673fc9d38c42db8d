#include "sys/nearest.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_MAX 64

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Distance of two words of at most LENGTH_MAX characters. */
static size_t
distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][LENGTH_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t differs = a[i - 1] != b[j - 1];
			row[j] = min3(last[j] + 1, row[j - 1] + 1,
				last[j - 1] + differs);
			bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				       a[i - 2] == b[j - 1];
			if (is_swap && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_length];
}

/* Whether the letters of 'brief' stand in 'word' in that order. */
static bool
is_abbreviation(const char *brief, const char *word)
{
	for (; *brief; brief++) {
		word = strchr(word, *brief);
		if (!word)
			return false;
		word++;
	}
	return true;
}

void
nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word};
}

void
nearest_offer(struct nearest *n, const char *known)
{
	size_t word_length = strlen(n->word), length = strlen(known);
	if (word_length > LENGTH_MAX || length > LENGTH_MAX)
		return;
	size_t d = distance(n->word, word_length, known, length);
	size_t longer = word_length > length ? word_length : length;
	bool is_near = 2 * d <= longer ||
		       (word_length >= 3 && is_abbreviation(n->word, known));
	if (is_near && (!n->best || d < n->distance)) {
		n->best = known;
		n->distance = d;
	}
}
