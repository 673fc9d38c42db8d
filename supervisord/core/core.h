#ifndef SKEP_CORE_CORE_H
#define SKEP_CORE_CORE_H
#endif
