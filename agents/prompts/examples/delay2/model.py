# state: first and second, 0 after reset
# at each clock edge: second takes the old first, first takes d
# outputs: q = the state second; changed = 1 if the input d differs from second
class Model:
    def reset(self):
        self.first = 0
        self.second = 0

    def outputs(self, i):
        changed = 1 if i.d != self.second else 0
        return {"q": self.second, "changed": changed}

    def tick(self, i):
        self.second = self.first
        self.first = i.d
