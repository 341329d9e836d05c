/* Build, reverse and fold a linked list: dependent loads. */
struct node {
  struct node *next;
  int value;
};
static struct node pool[100];

unsigned run(void) {
  struct node *head = 0, *back = 0;
  int hash = 0;
  for (int i = 0; i < 100; i++) {
    pool[i].value = (i << 7) - (i << 2) - 3000;
    pool[i].next = head;
    head = &pool[i];
  }
  while (head) {
    struct node *next = head->next;
    head->next = back;
    back = head;
    head = next;
  }
  for (; back; back = back->next) hash = (hash >> 1) - back->value;
  return (unsigned)hash;
}
