/* A directory as a state: packed into bytes, and unpacked from them.
 *
 *   state = "\x89skep-tree-1\r\n\x1a\n" (16 bytes), a pax archive
 * (POSIX.1-2001)
 *
 * A regular file that is a state stands for itself, so one that begins with
 * these bytes is refused: what a state is can always be told.
 *
 * The archive holds the directory as ".", then what is in it in the order of
 * strcmp, each directory before its contents: the same tree gives the same
 * bytes.  An entry has its name, mode, time of modification (nanoseconds) and,
 * if that is not the user's own, the name of its group; a further name of a
 * file is a hard link to the first, a hole takes no room.  There are
 * directories, regular files and symbolic links; sockets are left out.  Not
 * carried: extended attributes, access lists, other times.
 *
 * Packing trusts the tree with nothing.  No link is followed, and everything
 * must be the user's own, on one file system, without set-user-ID or (files)
 * set-group-ID; a file with a name outside of the tree could be anybody's and
 * is refused, and so are FIFOs and devices.
 *
 * Unpacking trusts the archive with nothing.  Names are relative, without "."
 * and ".."; everything is opened beneath the directory without a step through a
 * link (openat2), is new, and is one of the three kinds.  A symbolic link may
 * say what it likes: nobody follows it here.  libarchive reads and writes the
 * format and touches no file itself.
 *
 * Errors: 0 or -errno, with a sentence that names the entry.
 */
#ifndef SKEP_MOVER_TREE_H
#define SKEP_MOVER_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "sys/err.h"

#define TREE_MAGIC	 "\x89skep-tree-1\r\n\x1a\n"
#define TREE_MAGIC_SIZE	 16
#define TREE_DEPTH_MAX	 128	 /* directories in directories */
#define TREE_ENTRIES_MAX 4000000 /* of one tree */
#define TREE_SIZE_MAX	 (UINT64_C(1) << 50) /* of its files, with holes */

/* Where the bytes go; what it returns other than 0 ends the packing. */
struct tree_sink {
	int (*write)(void *context, struct bytes bytes, struct err *err);
	void *context;
};

/* Packs the directory 'dir' (borrowed).  'is_measuring': the data of files is
 * not read, but as many bytes come as with it. */
int tree_pack(int dir, bool is_measuring, const struct tree_sink *sink,
	struct err *err);

/* Whether what is open as 'fd' is still as 'before' says: nobody wrote to it,
 * gave it another size, or put its times back. */
bool tree_is_unchanged(int fd, const struct stat *before);

/* Whether the regular file 'in' begins as a packed tree does. */
bool tree_is_packed(int in);

/* Unpacks the regular file 'in', of 'size' bytes, into the empty directory
 * 'dir'; both borrowed.  Durable when it returns. */
int tree_unpack(int in, uint64_t size, int dir, struct err *err);

/* Removes 'name' in 'parent', a directory with its contents; no such name is
 * no error. */
int tree_remove(int parent, const char *name, struct err *err);

#endif
