/* What a name is besides a name: the service of an instance, a file's name.
 *
 * An instance of a declared service is called SERVICE or SERVICE@INSTANCE,
 * both parts 1 to 63 letters, digits and "._-", the first a letter or a digit.
 * Every other run-time name (base/name.h) is the name of a whole service, '@'
 * or not, whose one instance has the same name.  So what a name is can be seen
 * from it alone, and nothing that comes later changes it.
 *
 * Files are called as their instance if that is no more than letters, digits
 * and "._@-", the first a letter or digit.  Any other byte becomes "%XX"; what
 * is then longer than NAME_FILE_MAX is cut and ends in "%+" and a hash of the
 * whole name, which no other name's does.  Different names give different
 * files.
 */
#ifndef SKEP_BASE_NAME_PART_H
#define SKEP_BASE_NAME_PART_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a file's name that stands for a name, without what is put behind
 * it, such as ".log.3.gz". */
#define NAME_FILE_MAX 200

/* How many of the first bytes of an instance's name are its service's. */
size_t name_service_length(const char *name);
/* Whether it reads as SERVICE@INSTANCE. */
bool name_is_of_several(const char *name);

/* Writes what the files of an instance are called. */
void name_to_file(const char *name, char out[static NAME_FILE_MAX + 1]);
/* Whether that is the name itself. */
bool name_is_file(const char *name);

#endif
